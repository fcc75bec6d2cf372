import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { App } from 'cdk8s';
import { KeelsonApp, type KubernetesObject } from 'keelson';
import { beforeAll, describe, expect, test } from 'vitest';
import { optionsFromEnvironment } from '../../apps/studio-go-runner/options.ts';
import { studioGoRunner } from '../../apps/studio-go-runner/pipeline.ts';
import { agentSchema, SCHEMA_FILE } from '../../scripts/agent-schema.ts';

const validate = new Ajv({ allErrors: true }).compile(
  JSON.parse(readFileSync(SCHEMA_FILE, 'utf8')) as object,
);

function problems(document: unknown): unknown {
  return validate(document) ? [] : validate.errors;
}

describe('the JSON Schema of the agent’s documents', () => {
  let documents: Record<string, unknown>;

  beforeAll(() => {
    const app = new KeelsonApp();
    studioGoRunner(app, optionsFromEnvironment({ Registry: 'set' }));
    const objects = app.charts.flatMap((chart) => App._synthChart(chart) as KubernetesObject[]);
    const data = objects.filter(({ kind }) => kind === 'ConfigMap').map((object) => object['data'] ?? {});
    documents = Object.fromEntries(
      data.flatMap((entries) =>
        Object.entries(entries)
          .filter(([key]) => key.endsWith('.json'))
          .map(([key, text]) => [key, JSON.parse(String(text))]),
      ),
    );
  });

  test('is the one that the types give', () => {
    expect(readFileSync(SCHEMA_FILE, 'utf8')).toBe(agentSchema());
  });

  test('accepts every document of the reference pipeline', () => {
    expect(Object.keys(documents).sort()).toEqual([
      'controller.json',
      'gate.json',
      'github-release.json',
      'pipeline.json',
    ]);
    for (const document of Object.values(documents)) expect(problems(document)).toEqual([]);
  });

  test('refuses a document of another version', () => {
    expect(
      problems({ ...(documents['gate.json'] as object), apiVersion: 'agent.keelson.dev/v2' }),
    ).not.toEqual([]);
  });

  test('refuses a field that it does not know', () => {
    expect(problems({ ...(documents['gate.json'] as object), extra: 1 })).not.toEqual([]);
  });

  test('refuses a document that lacks a field', () => {
    const { lease: _, ...rest } = documents['controller.json'] as Record<string, unknown>;
    expect(problems(rest)).not.toEqual([]);
  });
});
