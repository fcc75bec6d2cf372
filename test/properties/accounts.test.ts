// Docker configurations of any content: accounts, or an error that shows none of them.
import fc from 'fast-check';
import {
  activeNames,
  dockerAccounts,
  dockerConfiguration,
  fillListener,
  inactiveNames,
  listenerPlaceholder,
  type RegistryAccountsConfiguration,
  registryAccountsValue,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { CANARY, text } from './hostile.ts';
import { parameters } from './settings.ts';

const host = fc.oneof(
  fc.constantFrom('quay.io', 'https://quay.io', 'docker.io', 'https://index.docker.io/v1/', 'QUAY.IO'),
  fc.constantFrom(
    '10.0.0.1:5000',
    '[::1]:5000',
    '*.example.com',
    'quay.io/team',
    'quay.io/v2',
    'constructor',
  ),
  text,
);
const base64 = (value: string): string => Buffer.from(value).toString('base64');
const secret = fc.constantFrom(CANARY, `me:${CANARY}`, `a:b:${CANARY}`, `${CANARY}\n`, '', '名前:x');
const account = fc.oneof(
  secret.map((value) => ({ auth: base64(value) })),
  fc.record(
    { username: fc.oneof(secret, text), password: secret, identitytoken: secret },
    { requiredKeys: [] },
  ),
  fc.constantFrom(null, 5, CANARY, [CANARY], {}),
);
const configuration = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.dictionary(host, account, { maxKeys: 3 }).map((auths) => JSON.stringify({ auths })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('{}', 'null', '[]', CANARY, `{"auths": "${CANARY}"`, '{"auths": []}'),
  },
  { weight: 1, arbitrary: text },
);

/** What is read, or undefined where an error says in words why it is not. */
function refusedOr<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).constructor).toBe(Error);
    // A host may be one that looks like it, which is no secret.
    expect((error as Error).message.toLowerCase()).not.toContain(CANARY.toLowerCase());
    expect((error as Error).message).not.toBe('');
    return undefined;
  }
}

describe('the accounts of a Docker configuration', () => {
  test('are the same after they have been written and read again', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(configuration, (given) => {
        const accounts = refusedOr(() => dockerAccounts(given));
        if (accounts === undefined) return;
        const known = [...accounts].filter(([, { username }]) => username !== undefined);
        if (known.length === 0) return;
        expect([...dockerAccounts(dockerConfiguration(new Map(known)))]).toEqual(known);
      }),
      parameters('accounts'),
    );
  });

  const form = fc.constantFrom<RegistryAccountsConfiguration['form']>(
    'docker-config',
    'makisu-registry-config',
  );

  test('are one value for a program, or are refused in words', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(fc.array(configuration, { minLength: 1, maxLength: 3 }), form, (given, wanted) => {
        const configured = { form: wanted, transports: {} } as RegistryAccountsConfiguration;
        const written = refusedOr(() => registryAccountsValue(configured, given));
        if (written === undefined) return;
        const places = given.flatMap((one) => [...dockerAccounts(one).keys()]);
        const twice = places.filter((place, index) => places.indexOf(place) !== index);
        expect([...written.repeated].sort()).toEqual([...new Set(twice)].sort());
        const value = JSON.parse(written.value);
        if (wanted === 'docker-config') expect(dockerAccounts(written.value).size).toBe(new Set(places).size);
        else expect(JSON.stringify(value)).not.toContain('"tls"');
      }),
      parameters('accountValues'),
    );
  });
});

describe("a listener's template", () => {
  const names = ['namespace', 'claim', 'image', 'commit', 'digest'] as const;

  test('is filled once, and what Keel is not to see comes back as it was', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(
        fc.tuple(text, text, text, text, text),
        fc.constantFrom(...names),
        fc.dictionary(
          fc.oneof(
            text,
            text.map((name) => `keel.sh/${name}`),
          ),
          text,
          { maxKeys: 4 },
        ),
        ([namespace, claim, image, commit, digest], name, annotations) => {
          const values = { namespace, claim, image, commit, digest };
          const given = { [`a-${listenerPlaceholder(name)}`]: `b-${listenerPlaceholder(name)}` };
          const [filled] = Object.values(fillListener(given, values));
          expect(filled).toBe(`b-${values[name]}`);
          const keels = Object.fromEntries(
            Object.entries(annotations).filter(([annotation]) => annotation.startsWith('keel.sh/')),
          );
          const inactive = inactiveNames(annotations);
          expect(Object.keys(inactive).filter((annotation) => annotation.startsWith('keel.sh/'))).toEqual([]);
          expect(activeNames(inactive)).toEqual(keels);
        },
      ),
      parameters('listeners'),
    );
  });
});
