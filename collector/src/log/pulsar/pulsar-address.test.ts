import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parsePulsarAddress, readTrusted } from './pulsar-address.ts'

describe('parsePulsarAddress', () => {
  it.each([
    ['pulsar+ws://broker/public/default/millrace', 'websocket', 'ws://broker:8080', 'http://broker:8080'],
    ['pulsar+wss://broker/public/default/millrace', 'websocket', 'wss://broker:8443', 'https://broker:8443'],
    ['pulsar+ws://broker:9000/public/default/millrace', 'websocket', 'ws://broker:9000', 'http://broker:9000'],
    ['pulsar://broker/public/default/millrace', 'native', 'pulsar://broker:6650', 'http://broker:8080'],
    ['pulsar+ssl://broker/public/default/millrace', 'native', 'pulsar+ssl://broker:6651', 'https://broker:8443'],
    ['pulsar://broker:7000/public/default/millrace?admin=https://other:444/', 'native', 'pulsar://broker:7000', 'https://other:444'],
    ['pulsar+ws://[::1]:8080/public/default/millrace', 'websocket', 'ws://[::1]:8080', 'http://[::1]:8080'],
  ])('reads %s', (...[url, transport, service, admin]) => {
    expect(parsePulsarAddress(url)).toMatchObject({ transport, service, admin, topic: 'public/default/millrace', trustFile: null })
    expect(parsePulsarAddress(url).token()).toBeNull()
  })

  it.each([
    'pulsar+ws://broker', 'pulsar+ws://broker/public/default', 'pulsar+ws:///public/default/millrace', 'http://broker/public/default/millrace',
    'pulsar+ws://broker/public/default/millrace/more', 'pulsar+ws://broker/public/default/a%2Fb', 'pulsar', 'pulsar+ws://broker/public/default/x?tokn=1',
    'pulsar+ws://broker/public/default/x?admin=ftp://broker',
  ])('refuses %s', (url) => {
    expect(() => parsePulsarAddress(url)).toThrow(expect.objectContaining({ code: 'bad_config' }))
  })

  it('takes the token of the setting before that of the URL, and never shows one', () => {
    const address = parsePulsarAddress('pulsar+ws://broker/public/default/millrace?token=of.the.url', 'of.the.setting')
    expect(address.token()).toBe('of.the.setting')
    expect(parsePulsarAddress('pulsar+ws://broker/public/default/millrace?token=of.the.url').token()).toBe('of.the.url')
    expect(JSON.stringify(address)).not.toMatch(/of\.the/)
    expect(address.shown).toBe('broker:8080/public/default/millrace')
  })

  it('reads a token file at each use, and says which file is missing', () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-address-'))
    try {
      const file = join(directory, 'token')
      const address = parsePulsarAddress(`pulsar+ws://broker/public/default/millrace?tokenFile=${encodeURIComponent(file)}&trustFile=${encodeURIComponent(join(directory, 'ca.pem'))}`)
      expect(() => address.token()).toThrow(expect.objectContaining({ code: 'bad_config', message: expect.stringContaining(file) }))
      for (const token of ['first', 'second']) {
        writeFileSync(file, `${token}\n`)
        expect(address.token()).toBe(token)
      }
      expect(() => readTrusted(address)).toThrow(expect.objectContaining({ code: 'bad_config', message: expect.stringContaining('ca.pem') }))
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
