import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createMetrics } from '../../../apps/agent/observe/metrics.ts';
import { serveHealth } from '../../../apps/agent/observe/serve-health.ts';

let server: Server | undefined;

afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

/** Starts the server, and hands over its address. */
async function start(health: { unhealthy?: string; unready?: string } = {}): Promise<string> {
  server = await serveHealth(0, {
    unhealthy: () => health.unhealthy,
    unready: () => health.unready,
    metrics: createMetrics(),
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function ask(url: string, method = 'GET'): Promise<[number, string]> {
  const answer = await fetch(url, { method });
  return [answer.status, await answer.text()];
}

describe('the health server', () => {
  test('says whether the program is well and ready, and why not', async () => {
    const health: { unhealthy?: string; unready?: string } = {};
    const url = await start(health);
    expect(await ask(`${url}/healthz`)).toEqual([200, 'ok\n']);
    expect(await ask(`${url}/readyz?verbose`)).toEqual([200, 'ok\n']);
    health.unready = 'no first look at the cluster yet';
    expect(await ask(`${url}/healthz`)).toEqual([200, 'ok\n']);
    expect(await ask(`${url}/readyz`)).toEqual([503, 'no first look at the cluster yet\n']);
    health.unhealthy = 'polls stand still';
    expect(await ask(`${url}/healthz`)).toEqual([503, 'polls stand still\n']);
  });

  test('serves the metrics of the process', async () => {
    const [status, text] = await ask(`${await start()}/metrics`);
    expect(status).toBe(200);
    expect(text).toContain('keelson_process_cpu_seconds_total');
  });

  test('knows no other path and no other method', async () => {
    const url = await start();
    expect((await ask(`${url}/`))[0]).toBe(404);
    expect((await ask(`${url}/healthz/`))[0]).toBe(404);
    expect((await ask(`${url}/healthz`, 'POST'))[0]).toBe(405);
  });

  test('takes 64 connections at once, and others when those are gone', async () => {
    const url = new URL(await start());
    const sockets = await Promise.all(
      Array.from({ length: 64 }, async () => {
        const socket = connect(Number(url.port), url.hostname);
        await new Promise((resolve) => socket.once('connect', resolve));
        return socket;
      }),
    );
    await expect(fetch(`${url}healthz`)).rejects.toThrow();
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(() =>
        fetch(`${url}healthz`).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
  });

  test('says when its port is taken', async () => {
    const { port } = new URL(await start());
    const health = { unhealthy: () => undefined, unready: () => undefined, metrics: createMetrics() };
    await expect(serveHealth(Number(port), health)).rejects.toThrow('EADDRINUSE');
  });
});
