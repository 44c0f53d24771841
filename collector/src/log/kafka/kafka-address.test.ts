import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kafkaName, parseKafkaUrl } from './kafka-address.ts'

describe('parseKafkaUrl', () => {
  it('reads brokers and topic', () => {
    expect(parseKafkaUrl('kafka://one:9092/events')).toEqual({ hosts: [{ host: 'one', port: 9092 }], topic: 'events', sasl: null, tls: null, replicas: null })
    expect(parseKafkaUrl('kafka://one,two.example:9093,[::1]:9094/shop.events-1').hosts).toEqual([
      { host: 'one', port: 9092 }, { host: 'two.example', port: 9093 }, { host: '::1', port: 9094 },
    ])
  })

  it('reads the password and how it is shown', () => {
    expect(parseKafkaUrl('kafka://us%40er:p%3Aa%2Fs%25@one/t').sasl).toEqual({ mechanism: 'SCRAM-SHA-512', username: 'us@er', password: 'p:a/s%' })
    expect(parseKafkaUrl('kafka://user:secret@one/t?sasl=plain').sasl?.mechanism).toBe('PLAIN')
    expect(kafkaName(parseKafkaUrl('kafka://user:secret@one,[::1]:9/t'))).toBe('kafka at one:9092,[::1]:9')
  })

  it('reads TLS with its files, and the copies', () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-address-'))
    const ca = join(directory, 'ca.pem')
    writeFileSync(ca, 'an authority')
    expect(parseKafkaUrl('kafka://one/t?tls=true').tls).toEqual({})
    expect(parseKafkaUrl(`kafka://one/t?ca=${encodeURIComponent(ca)}&replicas=2`)).toMatchObject({ tls: { ca: 'an authority' }, replicas: 2 })
    expect(parseKafkaUrl('kafka://one/t?tls=false').tls).toBeNull()
    rmSync(directory, { recursive: true })
  })

  it.each([
    ['kafka://one', /must look like kafka:/],
    ['kafka://one/', /topic/],
    ['kafka://one/..', /topic/],
    ['kafka://one/a b', /topic/],
    ['kafka://one/a/b', /must look like/],
    ['kafka:///t', /must look like/],
    ['kafka://one:0/t', /one:0/],
    ['kafka://one:70000/t', /one:70000/],
    ['kafka://one,/t', /"" in it/],
    ['kafka://user@one/t', /user:password/],
    ['kafka://user:a:b@one/t', /user:password/],
    ['kafka://user:100%@one/t', /percent-encoded/],
    ['kafka://one/t?sasl=plain', /no user:password/],
    ['kafka://user:secret@one/t?sasl=md5', /sasl is none of/],
    ['kafka://one/t?tls=yes', /true or false/],
    ['kafka://one/t?ca=/nowhere/ca.pem', /ca cannot be read/],
    ['kafka://one/t?cert=/dev/null', /cert and key/],
    ['kafka://one/t?tls=false&ca=/dev/null', /remove one/],
    ['kafka://one/t?replicas=0', /1 to 7/],
    ['kafka://one/t?retries=3', /unknown parameter retries/],
  ])('refuses %s', (url, reason) => {
    expect(() => parseKafkaUrl(url)).toThrow(expect.objectContaining({ code: 'bad_config', retryable: false, message: expect.stringMatching(reason) }))
  })

  it('keeps the password out of its errors', () => {
    for (const url of ['kafka://user:hunter2@one/a b', 'kafka://user:hunter2@one:0/t', 'kafka://user:hunter2@one/t?sasl=x', 'kafka://user:hunter2%@one/t']) {
      expect(() => parseKafkaUrl(url)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hunter2') }))
    }
  })
})
