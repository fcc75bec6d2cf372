import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRecipe } from '../../../../apps/agent/controller/generated-secrets/recipe.ts';
import { generateValues } from '../../../../apps/agent/controller/generated-secrets/values.ts';

const lacks = (program: string, ...args: string[]): string =>
  spawnSync(program, args).error === undefined ? '' : ` (missing: ${program})`;
const withoutOpenssl = lacks('openssl', 'version');
const withoutSsh = lacks('ssh-keygen', '-?');

const make = (recipe: object, existing: Record<string, string> = {}): Promise<Record<string, string>> =>
  generateValues(parseRecipe(JSON.stringify(recipe)), existing);

const RSA = { privateKey: { type: 'rsa', bits: 2048 } };
const ED25519 = { privateKey: { type: 'ed25519' } };
const half = (of: string, format: 'pem' | 'openssh'): object => ({ publicKey: { of, format } });
const pair = (key: { privateKey: object }, passphraseKey?: string): object => ({
  ...(passphraseKey && { [passphraseKey]: { password: { length: 32 } } }),
  private: { privateKey: { ...key.privateKey, ...(passphraseKey && { passphraseKey }) } },
  pem: half('private', 'pem'),
  ssh: half('private', 'openssh'),
});

describe('a password', () => {
  test.each([8, 32, 1024])('has %i letters and digits', async (length) => {
    const { a } = await make({ a: { password: { length } } });
    expect(a).toMatch(/^[A-Za-z0-9]+$/);
    expect(a).toHaveLength(length);
  });

  test('has each of the 62 characters about as often as any other', async () => {
    const counts = new Map<string, number>();
    for (let round = 0; round < 62; round++) {
      const { a = '' } = await make({ a: { password: { length: 1000 } } });
      for (const character of a) counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    expect(counts.size).toBe(62);
    // 1000 each, give or take six standard deviations; the remainder of a byte by 62 would give 1.2 times as many to eight.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(190);
  });
});

describe('keys', () => {
  test('are in the forms that the contract names', async () => {
    const rsa = await make(pair(RSA));
    expect(rsa['private']).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
    expect(rsa['pem']).toMatch(/^-----BEGIN RSA PUBLIC KEY-----\n/);
    expect(rsa['ssh']).toMatch(/^ssh-rsa [A-Za-z0-9+/=]+\n$/);
    const locked = await make(pair(RSA, 'passphrase'));
    expect(locked['private']).toMatch(
      /^-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,/,
    );
    const ed25519 = await make(pair(ED25519));
    expect(ed25519['private']).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(ed25519['pem']).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
    expect(ed25519['ssh']).toMatch(/^ssh-ed25519 [A-Za-z0-9+/=]+\n$/);
    expect((await make(pair(ED25519, 'passphrase')))['private']).toMatch(
      /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/,
    );
  });

  test('of RSA have 4096 bits unless bits are named, and are made beside other work', async () => {
    let longest = 0;
    let last = performance.now();
    const ticks = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    const started = performance.now();
    const { key = '' } = await make({ key: { privateKey: { type: 'rsa' } } });
    const took = performance.now() - started;
    clearInterval(ticks);
    expect(createPrivateKey(key).asymmetricKeyDetails?.modulusLength).toBe(4096);
    // A key that is made in 100 ms says nothing.
    if (took > 400) expect(longest).toBeLessThan(took / 2);
  }, 120_000);

  test('are locked with the longest passphrase that a recipe may ask for', async () => {
    for (const key of [RSA, ED25519]) {
      const recipe = {
        ...pair(key, 'passphrase'),
        passphrase: { password: { length: 1024 } },
      };
      const { private: pem = '', passphrase = '', pem: publicPem } = await make(recipe);
      expect(() => createPrivateKey({ key: pem, passphrase: `${passphrase.slice(0, -1)}-` })).toThrow();
      const publicKey = createPublicKey(createPrivateKey({ key: pem, passphrase }));
      expect(createPublicKey(publicPem ?? '').equals(publicKey)).toBe(true);
    }
  });
});

describe('what is there', () => {
  test('is left alone, and nothing is returned for it', async () => {
    const recipe = { ...pair(RSA, 'passphrase'), other: { password: { length: 8 } } };
    const all = await make(recipe);
    expect(await make(recipe, all)).toEqual({});
    const { other: _, ...rest } = all;
    expect(Object.keys(await make(recipe, rest))).toEqual(['other']);
    expect(Object.keys(await make(recipe, { ...all, other: '' }))).toEqual(['other']);
  });

  test.each([
    ['RSA', RSA, undefined],
    ['RSA with a passphrase', RSA, 'passphrase'],
    ['ed25519', ED25519, undefined],
    ['ed25519 with a passphrase', ED25519, 'passphrase'],
  ])('is what a public key is made of: %s', async (_what, key, passphraseKey) => {
    const recipe = pair(key, passphraseKey);
    const { pem, ssh, ...existing } = await make(recipe);
    expect(await make(recipe, existing)).toEqual({ pem, ssh });
  });

  test('is what a key made by somebody else is read from, of another kind too', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const existing = { private: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    const made = await make(pair(ED25519), existing);
    expect(made).toEqual({
      pem: publicKey.export({ type: 'pkcs1', format: 'pem' }),
      ssh: expect.stringMatching(/^ssh-rsa /),
    });
  });

  test.each([
    [
      'a public key whose private one is gone',
      ['private'],
      'private is missing, and a new one would not fit pem',
    ],
    [
      'a private key whose passphrase is gone',
      ['passphrase'],
      'passphrase is missing, and a new one would not fit private',
    ],
  ])('may be %s: nothing is made then', async (_what, gone, message) => {
    const recipe = pair(RSA, 'passphrase');
    const rest = Object.fromEntries(
      Object.entries(await make(recipe)).filter(([key]) => !gone.includes(key)),
    );
    await expect(make(recipe, rest)).rejects.toThrow(message);
  });

  test.each([
    ['no key', 'CANARY'],
    [
      'a key of a curve',
      generateKeyPairSync('ec', { namedCurve: 'P-256' })
        .privateKey.export({ type: 'sec1', format: 'pem' })
        .toString(),
    ],
    [
      'a key that another passphrase locks',
      generateKeyPairSync('rsa', { modulusLength: 2048 })
        .privateKey.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
        .toString(),
    ],
  ])('may be %s, of which no public key is made and nothing is said', async (_what, key) => {
    const failure = await make(pair(RSA, 'passphrase'), { private: key, passphrase: 'CANARY' }).catch(String);
    expect(failure).toMatch(/^RecipeError: pem can't be made: private is no RSA or ed25519 key/);
    expect(failure).not.toContain('CANARY');
    expect(failure).not.toContain(key.split('\n')[1]);
  });

  test('may have keys with the names of an object’s own parts', async () => {
    const made = await make(
      JSON.parse('{"__proto__":{"password":{"length":8}},"constructor":{"password":{"length":9}}}'),
    );
    expect(Object.entries(made).map(([key, value]) => [key, value.length])).toEqual([
      ['__proto__', 8],
      ['constructor', 9],
    ]);
  });
});

describe.skipIf(withoutOpenssl !== '')(`keys, read by the program openssl${withoutOpenssl}`, () => {
  const openssl = (input: string, ...args: string[]): string =>
    execFileSync('openssl', args, { input, env: process.env, stdio: ['pipe', 'pipe', 'ignore'] }).toString();

  test.each([
    ['RSA', RSA, undefined],
    ['RSA with a passphrase', RSA, 'passphrase'],
    ['ed25519', ED25519, undefined],
    ['ed25519 with a passphrase', ED25519, 'passphrase'],
  ])(
    '%s: the private key opens and its public half is the one that was made',
    async (_what, key, passphraseKey) => {
      const { private: privateKey = '', pem = '', passphrase = '' } = await make(pair(key, passphraseKey));
      const out = openssl(privateKey, 'pkey', '-pubout', '-passin', `pass:${passphrase}`);
      const made = key === RSA ? openssl(pem, 'rsa', '-RSAPublicKey_in', '-pubout') : pem;
      expect(made).toBe(out);
      if (passphraseKey !== undefined) {
        expect(() => openssl(privateKey, 'pkey', '-pubout', '-passin', 'pass:wrong')).toThrow();
      }
    },
  );
});

describe.skipIf(withoutSsh !== '')(`keys, read by the program ssh-keygen${withoutSsh}`, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'keelson-keys-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const sshKeygen = (...args: string[]): string =>
    execFileSync('ssh-keygen', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  const body = (line: string): string => line.split(' ').slice(0, 2).join(' ').trim();

  // ssh-keygen reads no ed25519 key in PKCS#8 before OpenSSH 9.6.
  test.each([undefined, 'passphrase'])(
    'RSA (%s): the line is that of the private key',
    async (passphraseKey) => {
      const {
        private: privateKey = '',
        ssh = '',
        pem,
        passphrase = '',
      } = await make(pair(RSA, passphraseKey));
      const printed = sshKeygen('-y', '-P', passphrase, '-f', file('rsa', privateKey));
      expect(body(ssh)).toBe(body(printed));
      const line = file('rsa.pub', ssh);
      expect(sshKeygen('-e', '-m', 'pem', '-f', line)).toBe(pem);
      expect(sshKeygen('-l', '-f', line)).toMatch(/^2048 SHA256:.*\(RSA\)/);
    },
  );

  test('ed25519: the line is read as such a key', async () => {
    const { ssh = '' } = await make(pair(ED25519));
    expect(sshKeygen('-l', '-f', file('ed25519.pub', ssh))).toMatch(/^256 SHA256:.*\(ED25519\)/);
  });
});
