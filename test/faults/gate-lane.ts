import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../cluster/api.ts';
import type { PlayedBuild } from '../support/played/build.ts';
import { PlayedKeel } from '../support/played/keel.ts';
import type { PlayedPod } from '../support/played/pod.ts';
import { identityOf, KEEL } from '../support/played/programs.ts';
import { digest, withBuilds } from '../support/played/use.ts';

/** Says when it begins and ends, and what it does not find. */
const COMMAND = `
say() { echo "$1 $KEELSON_RUN_ID $image $(date +%s%3N)" >> "$RAN"; }
look() { for name in minio rabbitmq; do [ -e "$up/$name" ] || say "without-$name"; done; }
image=$1 up=$2
say begin; look
sleep 0.6
look; say end
`;

/** What has happened in all lanes. */
export interface Counts {
  gateKills: number;
  podKills: number;
  erasedHolds: number;
  builds: number;
  /** From the last fault of a build until its result is recorded and nothing is left of it, in milliseconds. */
  readonly recoveries: number[];
  /** What should not have happened. */
  readonly faults: string[];
}

/** One thing that happened to a command. */
interface Entry {
  readonly what: string;
  readonly run: string;
  readonly image: string;
  readonly at: number;
}

/** A watched build to which image after image is pushed while its gates and pods are killed. */
export class GateLane {
  readonly #build: PlayedBuild;
  readonly #keel: PlayedKeel;
  readonly #directory: string;
  readonly #random: () => number;
  readonly #counts: Counts;
  /** When the command of a pod can have run at the latest. */
  readonly #ends = new Map<string, number>();

  private constructor(build: PlayedBuild, directory: string, random: () => number, counts: Counts) {
    this.#build = build;
    this.#keel = new PlayedKeel(build.namespace.api, build.deploymentPath, identityOf(KEEL));
    this.#directory = directory;
    this.#random = random;
    this.#counts = counts;
  }

  /** Builds until there were enough kills. */
  static async run(
    agent: string,
    server: string,
    random: () => number,
    counts: Counts,
    enough: () => boolean,
  ): Promise<void> {
    const directory = mkdtempSync(join(tmpdir(), 'keelson-lane-'));
    mkdirSync(join(directory, 'up'));
    const behaviour = { startMs: 300, directory: join(directory, 'up') };
    try {
      await withBuilds(agent, { server, behaviour }, async (build) => {
        const lane = new GateLane(build, directory, random, counts);
        while (!enough()) await lane.#buildOne();
        lane.#checkJournal();
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  async #buildOne(): Promise<void> {
    const image = digest();
    await this.#keel.scan();
    let pod = await this.#pod(image);
    let lastFault = Date.now();
    for (let kills = 1 + Math.floor(this.#random() * 4); kills > 0; kills--) {
      await sleep(this.#random() * 3_500);
      pod = await this.#harm(pod, image);
      lastFault = Date.now();
    }
    const succeeded = async (): Promise<readonly string[]> => {
      const runs = await this.#build.runs();
      return runs.filter((run) => run.digest === image && run.phase === 'Succeeded').map(({ id }) => id);
    };
    const describe = (): Promise<string> => this.#build.describe();
    await waitFor(async () => (await succeeded()).length > 0, { timeout: 120_000, interval: 50, describe });
    await this.#build.atRest(60_000);
    const { recoveries, faults } = this.#counts;
    recoveries.push(Date.now() - lastFault);
    this.#counts.builds++;
    const results = await succeeded();
    if (results.length !== 1) faults.push(`${image} has ${results.length} results`);
    for (const { id, phase } of await this.#build.runs()) {
      if (phase === 'Starting' || phase === 'Running') faults.push(`the run ${id} is ${phase} at rest`);
    }
    // As Recreate does before the next image.
    await this.#end(pod, () => pod.kill());
  }

  /** Something happens to a build. The pod is returned that has it then. */
  async #harm(pod: PlayedPod, image: string): Promise<PlayedPod> {
    const dice = this.#random();
    const counts = this.#counts;
    if (dice < 0.45) {
      counts.gateKills++;
      await pod.killGate();
      await sleep(this.#random() * 500);
      pod.startGate();
      return pod;
    }
    counts.podKills++;
    if (dice < 0.75) {
      await this.#end(pod, () => pod.kill());
      await sleep(this.#random() * 500);
      return this.#pod(image);
    }
    if (dice < 0.9) {
      // Deleted in order, but the next one is made at once, as a ReplicaSet does.
      await pod.markDeleted();
      const [next] = await Promise.all([this.#pod(image), this.#end(pod, () => pod.delete())]);
      return next;
    }
    // Keel has rolled it by an old copy, and so has erased the hold.
    counts.erasedHolds++;
    await this.#keel.roll(image);
    await this.#end(pod, () => pod.delete());
    return this.#pod(image);
  }

  #pod(image: string): Promise<PlayedPod> {
    const command = ['sh', '-c', COMMAND, 'sh', image, join(this.#directory, 'up')];
    return this.#build.pod({ digest: image, command, ran: join(this.#directory, 'journal') });
  }

  async #end(pod: PlayedPod, end: () => Promise<unknown>): Promise<void> {
    const ended = pod.containerEnded?.then(() => this.#ends.set(pod.uid, Date.now()));
    await end();
    await ended;
  }

  /** No two commands may have run at once, none without services, and none after its result. */
  #checkJournal(): void {
    const { faults } = this.#counts;
    const entries = readFileSync(join(this.#directory, 'journal'), 'utf8')
      .trim()
      .split('\n')
      .map((line): Entry => {
        const [what = '', run = '', image = '', at = ''] = line.split(' ');
        return { what, run, image, at: Number(at) };
      });
    for (const { what, run } of entries) if (what.startsWith('without')) faults.push(`${run} ran ${what}`);
    const begins = entries.filter(({ what }) => what === 'begin');
    for (const [index, { run, at }] of begins.entries()) {
      const end =
        entries.find((entry) => entry.what === 'end' && entry.run === run)?.at ?? this.#ends.get(run);
      const next = begins[index + 1];
      if (end === undefined) faults.push(`${run} has no end`);
      else if (next !== undefined && next.at < end) faults.push(`${next.run} ran beside ${run}`);
      if (begins.some((other) => other.run === run && other.at !== at)) faults.push(`${run} ran twice`);
    }
  }
}
