import { openLogWriter } from '../src/log/embedded/embedded-log.ts'
import { systemClock } from '../src/platform/clock.ts'

/** Appends for ever, tells its parent each record that is durable, and waits to be killed. */
const writer = await openLogWriter({
  directory: process.argv[2] ?? '', partitions: 2, notBefore: null, clock: systemClock, retentionMs: 0, segmentBytesMax: 20_000,
})
for (let index = 0; ; index += 1) {
  const text = `record ${index} ${'x'.repeat(index % 300)}`
  await writer.append(0, Buffer.from(text), 1)
  process.send?.(text)
}
