import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { AgentDocument } from '../../lib/agent/document.ts';
import schema from '../../lib/agent/schema.json' with { type: 'json' };
import { AGENT_API_VERSION } from '../../lib/agent/version.ts';
import { UsageError } from './program.ts';

type Kind = AgentDocument['kind'];
type DocumentOf<K extends Kind> = Extract<AgentDocument, { readonly kind: K }>;

/** The definition of each kind in the schema. */
const DEFINITIONS: Readonly<Record<Kind, string>> = {
  Controller: 'ControllerConfiguration',
  Pipeline: 'PipelineConfiguration',
  Gate: 'GateConfiguration',
  GitHubRelease: 'GitHubReleaseConfiguration',
  BuildStatus: 'BuildStatus',
  ReleaseStatus: 'ReleaseStatus',
};

// A library may be older than this agent, never newer: what the schema does not know is a mistake.
const ajv = new Ajv({ strict: false });
const validators = new Map<Kind, ValidateFunction>();

/** Reads a document of the contract, of an older library as well. */
export function parseDocument<K extends Kind>(kind: K, text: string): DocumentOf<K> {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new UsageError(`the ${kind} document is not JSON`);
  }
  const { apiVersion } = (document ?? {}) as { apiVersion?: unknown };
  if (apiVersion !== AGENT_API_VERSION) {
    throw new UsageError(
      `the ${kind} document has the apiVersion ${JSON.stringify(apiVersion)}, and this agent reads ${AGENT_API_VERSION}: give the agent's image the version of the library that wrote it`,
    );
  }
  const validate = validatorOf(kind);
  if (!validate(document)) {
    // Of a document that may have several forms, each form's problem; the last error only says that none fits.
    const problems = validate.errors?.filter(({ keyword }) => keyword !== 'anyOf').map(describeProblem) ?? [];
    throw new UsageError(`the ${kind} document is not as it should be: ${problems.join(', or ')}`);
  }
  return document as DocumentOf<K>;
}

/** Reads the document that the argument `--config` names. */
export async function readConfiguration<K extends Kind>(
  kind: K,
  args: readonly string[],
): Promise<DocumentOf<K>> {
  const { config } = options(args, { config: { type: 'string' } });
  if (typeof config !== 'string') throw new UsageError('the argument --config=FILE is missing');
  const text = await readFile(config, 'utf8').catch((error: unknown) => {
    throw new UsageError(`the configuration ${config} can't be read: ${(error as Error).message}`);
  });
  return parseDocument(kind, text);
}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>;

/** A program's arguments, none of which may be unknown. */
export function options(
  args: readonly string[],
  known: Options,
): Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>> {
  try {
    return parseArgs({ args: [...args], options: known, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Says which field is meant, which the validator leaves to its parameters. */
function describeProblem({ instancePath, message = 'is wrong', params }: ErrorObject): string {
  const where = instancePath === '' ? 'it' : instancePath.slice(1).replaceAll('/', '.');
  const detail = params['additionalProperty'] ?? params['allowedValue'] ?? params['allowedValues'];
  return `${where} ${message}${detail === undefined ? '' : ` (${JSON.stringify(detail)})`}`;
}

function validatorOf(kind: Kind): ValidateFunction {
  const known = validators.get(kind);
  if (known !== undefined) return known;
  const made = ajv.compile({ ...schema, $id: kind, $ref: `#/definitions/${DEFINITIONS[kind]}` });
  validators.set(kind, made);
  return made;
}
