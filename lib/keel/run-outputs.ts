import type { NetworkPolicyIngressRule, NetworkPolicyPeer } from 'kubernetes-types/networking/v1.d.ts';
import { OUTPUTS_PORT } from '../agent/release.ts';
import { tcp } from '../kubernetes/network.ts';
import type { Problem } from '../kubernetes/problem.ts';

/** What the runs of a build leave on its volume, and who may fetch it from the gate. */
export class RunOutputs {
  readonly #mountPath: string | undefined;
  readonly #assets: string[] = [];
  readonly #readers: NetworkPolicyPeer[] = [];
  #releaseSeconds = 0;

  /** @param mountPath where the build's volume is mounted; undefined where it has none */
  constructor(mountPath: string | undefined) {
    this.#mountPath = mountPath;
  }

  /** Keeps files for a release, lets its pods fetch them, and waits for it. */
  share(assets: readonly string[], readers: readonly NetworkPolicyPeer[], seconds: number): void {
    this.#assets.push(...assets);
    this.#readers.push(...readers);
    this.#releaseSeconds = Math.max(this.#releaseSeconds, seconds);
  }

  /** How long the slowest release may take; 0 where there is none. */
  get releaseSeconds(): number {
    return this.#releaseSeconds;
  }

  /** The directory with one directory for each run; undefined where nothing is kept. */
  get directory(): string | undefined {
    return this.#mountPath === undefined ? undefined : `${this.#mountPath}/.keelson/runs`;
  }

  /** The port on which the gate serves them; undefined where nobody fetches any. */
  get port(): number | undefined {
    return this.#readers.length > 0 && this.directory !== undefined ? OUTPUTS_PORT : undefined;
  }

  /** The patterns of the files that are kept, a line each. */
  get patterns(): string {
    return this.#assets.join('\n');
  }

  /** Who may connect to the gate. */
  get ingress(): NetworkPolicyIngressRule[] {
    return this.port === undefined ? [] : [{ from: [...this.#readers], ports: tcp(this.port) }];
  }

  /** What is wrong with the patterns. */
  problems(): Problem[] {
    const problems = this.#assets.flatMap((pattern, index) => patternProblems(`assets[${index}]`, pattern));
    if (this.#assets.length === 0 || this.directory !== undefined) return problems;
    return [
      ...problems,
      {
        property: 'assets',
        value: [...this.#assets],
        message: 'have no volume on which the build could leave them',
        remedy: 'give the build its volume',
      },
    ];
  }
}

/** Patterns are read by the shell of the build's image; they may not leave its working directory. */
function patternProblems(property: string, pattern: unknown): Problem[] {
  if (typeof pattern !== 'string' || pattern === '' || /[\n\r\0]/.test(pattern) || pattern.length > 1024) {
    return [{ property, value: pattern, message: 'is not a pattern', remedy: 'give one such as bin/*' }];
  }
  if (!pattern.startsWith('/') && !pattern.split('/').includes('..')) return [];
  return [
    {
      property,
      value: pattern,
      message: "leaves the build's working directory",
      remedy: 'give a relative pattern without ".."',
    },
  ];
}
