/**
 * What a service that is measured talks to, in a process of its own so that its processor time is not counted: a
 * receiver of OTLP/HTTP that reads and forgets, and the network to the database with some delay.
 *
 * node bench/telemetry/peer.ts <database url> <latency ms>
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startFaultProxy } from '../../src/testing/index.ts';

const [url = '', latencyMs = '0'] = process.argv.slice(2);
const receiver = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
});
await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const proxy = await startFaultProxy({ url, latencyMs: Number(latencyMs) / 2 });
process.send?.({ collector: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`, url: proxy.url });
// Ends with the process that started it.
process.on('disconnect', () => process.exit(0));
