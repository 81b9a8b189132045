import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FlakyProxy } from './flaky-proxy.ts';

const LENGTH = 3_000_000;

describe('the proxy that has troubles', () => {
  let server: Server;
  let proxy: FlakyProxy;
  let received = 0;
  let asked = 0;

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      asked += 1;
      received = 0;
      try {
        for await (const chunk of request) received += chunk.length;
        response.end(Buffer.alloc(LENGTH, 1));
      } catch {
        response.destroy();
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await FlakyProxy.start(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterEach(() => proxy.pass());
  afterAll(async () => {
    await proxy.stop();
    server.close();
    server.closeAllConnections();
  });

  const ask = async (size = 0) => {
    const body = size > 0 ? { method: 'PUT', body: Buffer.alloc(size, 2) } : {};
    const answer = await fetch(proxy.origin, { ...body, signal: AbortSignal.timeout(1_500) });
    const { status } = answer;
    let length = 0;
    let failure: unknown;
    try {
      for await (const chunk of answer.body ?? []) length += chunk.length;
    } catch (error) {
      failure = error;
    }
    return { status, length, failed: failure !== undefined };
  };

  it('carries everything both ways while it has none', async () => {
    expect(await ask(2_000_000)).toEqual({ status: 200, length: LENGTH, failed: false });
    expect(received).toBe(2_000_000);
  });

  it('refuses connections, and takes them again', async () => {
    await proxy.refuse();
    await expect(ask()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await proxy.pass();
    expect((await ask()).length).toBe(LENGTH);
  });

  it('is silent, on connections that are open already too', async () => {
    await ask();
    proxy.disturb({ kind: 'silence' });
    await expect(ask()).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('answers by itself, and the server hears nothing', async () => {
    const before = asked;
    proxy.disturb({ kind: 'answer', status: 503 });
    expect(await ask(500_000)).toEqual({ status: 503, length: 0, failed: false });
    expect(asked).toBe(before);
  });

  it('stalls the answer after so many bytes', async () => {
    proxy.disturb({ kind: 'stall', way: 'down', after: 1_000_000 });
    const { length, failed } = await ask();
    expect(failed).toBe(true);
    expect(length).toBeLessThanOrEqual(1_000_000);
    expect(length).toBeGreaterThan(900_000);
  });

  it('stalls the request after so many bytes', async () => {
    proxy.disturb({ kind: 'stall', way: 'up', after: 1_000_000 });
    await expect(ask(20_000_000)).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(received).toBeLessThanOrEqual(1_000_000);
    expect(received).toBeGreaterThan(900_000);
  });

  it.each([true, false])('cuts the answer once after so many bytes, gently: %s', async (gently) => {
    proxy.disturb({ kind: 'cut', way: 'down', after: 1_000_000, gently });
    const { length, failed } = await ask();
    expect(failed).toBe(true);
    expect(length).toBeLessThanOrEqual(1_000_000);
    expect((await ask()).length).toBe(LENGTH);
    expect(proxy.struck).toBe(1);
  });

  it('cuts every request', async () => {
    proxy.disturb({ kind: 'cut each', way: 'up', after: 0 });
    for (const size of [0, 100, 1_000_000]) await expect(ask(size)).rejects.toThrow('fetch failed');
  });

  it('loses the answer that it is told to lose', async () => {
    proxy.disturb({ kind: 'lose', answer: 0 });
    const before = asked;
    await expect(ask(1_000)).rejects.toThrow('fetch failed');
    expect(asked).toBe(before + 1);
    expect((await ask()).length).toBe(LENGTH);
  });
});
