import type { IConstruct } from 'constructs';
import { Notes } from './notes.ts';

/** What a construct reads of a Secret. */
export interface SecretUse {
  /** The Secret's name. */
  readonly secretName: string;
  /** The Secret's namespace; undefined for the one that objects are applied to. */
  readonly namespace: string | undefined;
  /** The key that is read; undefined where all of them are. */
  readonly key: string | undefined;
  /** The Secret's type, where it matters. */
  readonly type: string | undefined;
  /** The property by which the construct was told, such as `env.TOKEN`. */
  readonly property: string;
  /** Whether the construct also works without it. */
  readonly optional: boolean;
}

const USES = new Notes<SecretUse>();

/** Notes what a construct reads, so that the Secrets that a program expects can be listed. */
export function declareSecretUse(construct: IConstruct, use: SecretUse): void {
  USES.add(construct, use);
}

/** What one construct reads. */
export function secretUsesOf(construct: IConstruct): readonly SecretUse[] {
  return USES.of(construct);
}
