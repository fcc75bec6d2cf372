/**
 * Writes the JSON Schema of the documents that library and agent exchange, from their TypeScript types:
 * `npm run schemas:agent`. A test compares the file with what this makes.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createGenerator } from 'ts-json-schema-generator';

const root = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Where the schema is kept. */
export const SCHEMA_FILE: string = root('lib/agent/schema.json');

/** The schema as text. */
export function agentSchema(): string {
  const schema = createGenerator({
    path: root('lib/agent/document.ts'),
    tsconfig: root('tsconfig.json'),
    type: 'AgentDocument',
    // The project's own compiler checks the types.
    skipTypeCheck: true,
  }).createSchema('AgentDocument');
  const title = {
    $id: 'https://keelson.dev/schemas/agent.schema.json',
    title: 'Documents of the Keelson agent',
  };
  return `${JSON.stringify({ ...title, ...schema }, null, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(SCHEMA_FILE, agentSchema());
