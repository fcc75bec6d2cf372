import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Kubernetes } from '../../apps/agent/kubernetes/client.ts';
import { leadWhenElected } from '../../apps/agent/kubernetes/leader.ts';
import { hold, holderOf, type Lease, letGo, readLease } from '../../apps/agent/kubernetes/lease.ts';
import { createLog } from '../../apps/agent/observe/log.ts';
import { buildCandidate, Candidate, monotonic, overlaps } from '../apps/agent/kubernetes/candidates.ts';
import { connect } from '../apps/agent/kubernetes/connect.ts';
import { Api, waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { type Faults, type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.ts';

const namespace = `agent-leader-${process.pid}`;
const FIELD_MANAGER = 'keelson-test';
/** How long a Lease holds good in these tests. */
const SECONDS = 3;
/** A Lease that nobody renews is taken after its time and a look at it; on a busy machine both are late. */
const FAILOVER_MS = SECONDS * 1000 + 4000;

/** How long ago, by this machine's clock, a Lease was renewed by its holder's. */
function age({ spec }: Lease): number {
  return Date.now() - Date.parse(spec?.renewTime ?? '');
}

const withoutFaketime: boolean = spawnSync('faketime', ['--version']).error !== undefined;

let api: Api;
let direct: Kubernetes;
let proxy: FaultyProxy;
let folder: string;
let program: string;
let candidates: Candidate[] = [];

function start(lease: string, identity: string, clock?: string): Candidate {
  const options = { program, identity, kubeconfig: proxy.kubeconfig, namespace, lease, seconds: SECONDS };
  const candidate = new Candidate(clock === undefined ? options : { ...options, clock });
  candidates.push(candidate);
  return candidate;
}

/** Waits for one of the candidates to act from now on, and says which and after how long. */
async function leader(
  among: readonly Candidate[] = candidates,
): Promise<{ leader: Candidate; after: number }> {
  const from = monotonic();
  const found = await waitFor(async () => among.find((candidate) => candidate.ledSince(from)), {
    timeout: 25_000,
    interval: 20,
  });
  return { leader: found, after: monotonic() - from };
}

describe.skipIf(withoutApi)(`the agent's Leases, a real API server and a proxy with faults${missing}`, () => {
  beforeAll(async () => {
    const { kubeconfig } = testApi();
    api = await Api.connect(kubeconfig);
    await api.createNamespace(namespace, 'restricted');
    direct = connect(kubeconfig);
    folder = await mkdtemp(join(tmpdir(), 'keelson-candidate-'));
    program = await buildCandidate(folder);
    proxy = await startFaultyProxy(kubeconfig, { seed: 3, retryAfter: 0 });
  });

  afterEach(async () => {
    proxy?.setFaults({});
    await Promise.all(candidates.map((candidate) => candidate.end()));
    candidates = [];
  });

  afterAll(async () => {
    await proxy?.close();
    if (folder) await rm(folder, { recursive: true });
    await api?.delete(`/api/v1/namespaces/${namespace}`);
  });

  test('a Lease that is missing is made, taken, renewed and given up, though every third answer gets lost', async () => {
    proxy.setFaults({ closedAfter: 0.33 });
    const client = connect(proxy.kubeconfig);
    const lease = { namespace, name: 'lost-answers' };
    for (let count = 0; count < 20; count++) {
      const current = await readLease(client, lease, FIELD_MANAGER);
      expect(holderOf(current)).toBe(count === 0 ? undefined : 'me');
      // Nobody else is there, so that no conflict is another's.
      expect(await hold(client, current, 'me', 60)).toBe(true);
    }
    const held = await readLease(client, lease, FIELD_MANAGER);
    expect(held.spec).toMatchObject({ leaseTransitions: 1, leaseDurationSeconds: 60 });
    expect(age(held)).toBeLessThan(10_000);
    expect(await letGo(client, held)).toBe(true);
    expect(holderOf(await readLease(client, lease, FIELD_MANAGER))).toBeUndefined();
    expect(proxy.counts.closedAfter).toBeGreaterThan(10);
  }, 50_000);

  test('of ten that take a Lease at once, through lost answers, one has it', async () => {
    proxy.setFaults({ closedAfter: 0.2, truncated: 0.1 });
    const client = connect(proxy.kubeconfig);
    for (let round = 0; round < 10; round++) {
      const lease = await readLease(direct, { namespace, name: `race-${round}` }, FIELD_MANAGER);
      const names = Array.from({ length: 10 }, (_, index) => `candidate-${index}`);
      const taken = await Promise.all(names.map((name) => hold(client, lease, name, 60)));
      const now = await readLease(direct, { namespace, name: `race-${round}` }, FIELD_MANAGER);
      expect(names.filter((_, index) => taken[index])).toEqual([holderOf(now)]);
    }
  }, 50_000);

  test('of two candidates one leads; when it is killed the other does, and when that ends, the next at once', async () => {
    const lease = 'killed';
    start(lease, 'a');
    start(lease, 'b');
    const { leader: first } = await leader();
    await sleep(SECONDS * 1000);
    await first.end('SIGKILL');
    const { leader: second, after } = await leader(candidates.filter((candidate) => candidate !== first));
    expect(after).toBeLessThan(FAILOVER_MS);
    const third = start(lease, 'c');
    await third.started;
    await sleep(1000);
    await second.end('SIGTERM');
    const given = await leader([third]);
    console.log(`led ${after} ms after a kill, ${given.after} ms after a clean end; Lease of ${SECONDS} s`);
    expect(given.after).toBeLessThan(SECONDS * 1000);
    expect(overlaps(candidates)).toBe(0);
  }, 59_000);

  test('of three candidates, one that is paused for longer than the Lease leads no more when it goes on', async () => {
    const lease = 'paused';
    for (const identity of ['a', 'b', 'c']) start(lease, identity);
    const { leader: paused } = await leader();
    paused.signal('SIGSTOP');
    await sleep(200);
    const others = candidates.filter((candidate) => candidate !== paused);
    const { after } = await leader(others);
    await sleep(1000);
    const acts = paused.acts.length;
    paused.signal('SIGCONT');
    await sleep(2000);
    console.log(
      `led ${after} ms after a pause began; ${paused.acts.length - acts} acts of the paused one after it`,
    );
    expect(after).toBeLessThan(FAILOVER_MS);
    // What was due in the pause may come first.
    expect(paused.acts.length - acts).toBeLessThanOrEqual(2);
    expect(overlaps(candidates)).toBeLessThanOrEqual(2);
    expect((await leader()).leader).not.toBe(paused);
  }, 59_000);

  test.skipIf(withoutFaketime)(
    `clocks that are two hours apart make no difference${withoutFaketime ? ' (missing: faketime)' : ''}`,
    async () => {
      const lease = 'clocks';
      start(lease, 'behind', '-2h');
      const { leader: first } = await leader();
      const now = await readLease(direct, { namespace, name: lease }, FIELD_MANAGER);
      // The clock really is another one.
      expect(age(now)).toBeGreaterThan(3_600_000);
      start(lease, 'right');
      start(lease, 'ahead', '+2h');
      await sleep(SECONDS * 2000);
      expect((await leader()).leader).toBe(first);
      await first.end('SIGKILL');
      const { after } = await leader(candidates.filter((candidate) => candidate !== first));
      expect(after).toBeGreaterThan(SECONDS * 1000 * 0.6);
      expect(after).toBeLessThan(FAILOVER_MS);
      expect(overlaps(candidates)).toBe(0);
    },
    59_000,
  );

  test('a leader that can’t reach the API server stops before another may lead, and one leads when it can', async () => {
    const lease = 'away';
    start(lease, 'a');
    start(lease, 'b');
    const { leader: first } = await leader();
    const awayAt = monotonic();
    proxy.setFaults({ closedBefore: 1 });
    await sleep(SECONDS * 1000 + 1000);
    const last = first.acts.at(-1) ?? 0;
    console.log(
      `the leader stopped ${last - awayAt} ms after the API server was gone; Lease of ${SECONDS} s`,
    );
    expect(last - awayAt).toBeLessThan(SECONDS * 1000);
    proxy.setFaults({});
    await leader();
    expect(overlaps(candidates)).toBe(0);
  }, 59_000);

  test('three candidates through faults: never two lead, and nearly always one', async () => {
    const faults: Faults = {
      conflict: 0.05,
      tooManyRequests: 0.05,
      internalError: 0.05,
      closedBefore: 0.05,
      closedAfter: 0.1,
      truncated: 0.05,
      delayed: 0.02,
    };
    proxy.setFaults(faults);
    for (const identity of ['a', 'b', 'c']) start('faults', identity);
    await leader();
    const from = monotonic();
    await sleep(12_000);
    const acts = candidates.flatMap((candidate) => candidate.acts).filter((time) => time >= from);
    const led = new Set(acts.map((time) => Math.floor((time - from) / 100))).size / 120;
    console.log(`led for ${Math.round(led * 100)}% of 12 s through faults: ${JSON.stringify(proxy.counts)}`);
    expect(overlaps(candidates)).toBe(0);
    expect(led).toBeGreaterThan(0.7);
  }, 59_000);

  test('an error of the leader’s work gives the Lease up and is thrown', async () => {
    const election = {
      lease: { namespace, name: 'error' },
      identity: 'me',
      fieldManager: FIELD_MANAGER,
      log: createLog('test', { write: () => undefined }),
      signal: new AbortController().signal,
    };
    const leading = leadWhenElected(direct, election, async () => {
      await sleep(100);
      throw new Error('a mistake in the program');
    });
    await expect(leading).rejects.toThrow('a mistake in the program');
    expect(holderOf(await readLease(direct, election.lease, FIELD_MANAGER))).toBeUndefined();
  });

  test('a leader whose client ends with the same signal gives the Lease up all the same', async () => {
    const stop = new AbortController();
    const election = {
      lease: { namespace, name: 'stopped' },
      identity: 'me',
      fieldManager: FIELD_MANAGER,
      log: createLog('test', { write: () => undefined }),
      signal: stop.signal,
    };
    await leadWhenElected(direct.until(stop.signal), election, async () => stop.abort());
    const lease = await readLease(direct, election.lease, FIELD_MANAGER);
    expect([holderOf(lease), lease.spec?.leaseTransitions]).toEqual([undefined, 1]);
  });
});
