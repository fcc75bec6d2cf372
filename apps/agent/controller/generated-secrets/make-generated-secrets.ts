import { KeelsonAnnotations } from '../../../../lib/kubernetes/labels.ts';
import { hasStatus, KubernetesError } from '../../kubernetes/errors.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import type { ControllerContext } from '../context.ts';
import { parseRecipe, RecipeError } from './recipe.ts';
import { generateValues } from './values.ts';

interface Secret extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>> | null;
}

/** Others change a Secret now and then, not again and again. */
const ATTEMPTS = 5;

/**
 * Makes the missing values of Secrets with the annotation `keelson.dev/generate`. Values that are there are never
 * changed, also where several controllers do this at once: who writes first wins.
 *
 * @returns the names of Secrets that still lack values: those that are not there yet, and those that an Event tells of
 */
export async function makeGeneratedSecrets(
  context: ControllerContext,
  namespace: string,
  names: readonly string[],
): Promise<readonly string[]> {
  const incomplete: string[] = [];
  for (const name of names) {
    context.client.signal?.throwIfAborted();
    if (!(await complete(context, namespace, name))) incomplete.push(name);
  }
  return incomplete;
}

/** Whether the Secret has all of its values now. */
async function complete(context: ControllerContext, namespace: string, name: string): Promise<boolean> {
  const about: KubernetesObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } };
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const written = await writeMissing(context, namespace, name);
      if (written !== undefined) return written;
    }
    return false;
  } catch (error) {
    if (error instanceof RecipeError) {
      await context.events.say(about, { type: 'Warning', reason: 'BadRecipe', message: error.message });
      return false;
    }
    if (!(error instanceof KubernetesError) || error.transient) throw error;
    // The API server's own words might quote what was to be written.
    const { status, reason = 'without a reason' } = error;
    const message = `the values of this Secret can't be written: the API server answers ${status}, ${reason}`;
    context.log.warn({ namespace, secret: name, status, reason }, 'a Secret could not be completed');
    await context.events.say(about, { type: 'Warning', reason: 'NotWritten', message });
    return false;
  }
}

/** Undefined where somebody else has changed the Secret meanwhile. */
async function writeMissing(
  { client, events, log }: ControllerContext,
  namespace: string,
  name: string,
): Promise<boolean | undefined> {
  const reference = { apiVersion: 'v1', kind: 'Secret', namespace, name };
  const secret = await client.get<Secret>(reference);
  if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return false;
  const text = secret.metadata.annotations?.[KeelsonAnnotations.GENERATE];
  if (text === undefined) {
    throw new RecipeError(
      `nothing says how its values are made: the annotation ${KeelsonAnnotations.GENERATE} is missing`,
    );
  }
  const values = await generateValues(parseRecipe(text), decoded(secret.data ?? {}));
  const keys = Object.keys(values);
  if (keys.length === 0) return true;
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  const { uid, resourceVersion } = secret.metadata;
  try {
    await client.patch(reference, { metadata: { uid, resourceVersion }, data });
  } catch (error) {
    // Another controller was first, or this one, whose answer was lost.
    if (hasStatus(error, 404, 409)) return undefined;
    throw error;
  }
  log.info({ namespace, secret: name, keys }, 'values of a Secret were made');
  const message = `made the values of ${keys.join(', ')}`;
  await events.say(secret, { type: 'Normal', reason: 'ValuesMade', message });
  return true;
}

function decoded(data: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
}
