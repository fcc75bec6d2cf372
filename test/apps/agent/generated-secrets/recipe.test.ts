import { Chart } from 'cdk8s';
import { GeneratedSecret, KeelsonAnnotations, KeelsonApp, type SecretGenerator } from 'keelson';
import { describe, expect, test } from 'vitest';
import { parseRecipe } from '../../../../apps/agent/controller/generated-secrets/recipe.ts';

const every: Record<string, SecretGenerator> = {
  password: { password: { length: 32 } },
  rsa: { privateKey: { type: 'rsa' } },
  short: { privateKey: { type: 'rsa', bits: 2048, passphraseKey: 'password' } },
  ed25519: { privateKey: { type: 'ed25519', passphraseKey: 'password' } },
  pem: { publicKey: { of: 'rsa', format: 'pem' } },
  'authorized_keys.pub': { publicKey: { of: 'ed25519', format: 'openssh' } },
};

describe('a recipe', () => {
  test('as the library writes it is read as it was given', () => {
    const chart = new Chart(new KeelsonApp({ outdir: '/nowhere' }), 'chart');
    const { secret } = new GeneratedSecret(chart, 'secret', { keys: every });
    const text = secret.toJson().metadata.annotations[KeelsonAnnotations.GENERATE];
    expect(Object.fromEntries(parseRecipe(text))).toEqual(every);
  });

  test.each<[string, string, string]>([
    ['no JSON', 'CANARY', 'is no JSON object'],
    ['a list', '["CANARY"]', 'is no JSON object'],
    ['null', 'null', 'is no JSON object'],
    [
      'too many keys',
      JSON.stringify(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, every['password']]))),
      'more than 64 keys',
    ],
    ['a key that is none', '{"CANARY CANARY":{"password":{"length":8}}}', 'a key that a Secret can not have'],
    ['a value', '{"a":"CANARY"}', 'a is made in no way'],
    ['nothing', '{"a":{}}', 'a is made in no way'],
    ['another way', '{"a":{"uuid":{"CANARY":1}}}', 'a is made in no way'],
    ['two ways', '{"a":{"password":{"length":8},"privateKey":{"type":"rsa"}}}', 'a is made in no way'],
    ['a value beside', '{"a":{"password":{"length":8,"value":"CANARY"}}}', 'a is made in no way'],
    ['a short password', '{"a":{"password":{"length":7}}}', 'from 8 to 1024'],
    ['a long password', '{"a":{"password":{"length":1e9}}}', 'from 8 to 1024'],
    ['a length that is a text', '{"a":{"password":{"length":"32"}}}', 'from 8 to 1024'],
    ['another type', '{"a":{"privateKey":{"type":"CANARY"}}}', 'a is neither rsa nor ed25519'],
    ['short keys', '{"a":{"privateKey":{"type":"rsa","bits":1024}}}', 'from 2048 to 8192'],
    ['long keys', '{"a":{"privateKey":{"type":"rsa","bits":65536}}}', 'from 2048 to 8192'],
    [
      'ed25519 of a length',
      '{"a":{"privateKey":{"type":"ed25519","bits":4096}}}',
      'ed25519 keys have one length',
    ],
    [
      'a passphrase that is none',
      '{"a":{"privateKey":{"type":"rsa","passphraseKey":{"CANARY":1}}}}',
      'is not the name of a key',
    ],
    [
      'a passphrase of nothing',
      '{"a":{"privateKey":{"type":"rsa","passphraseKey":"b"}}}',
      'is no password of this Secret',
    ],
    [
      'itself as passphrase',
      '{"a":{"privateKey":{"type":"rsa","passphraseKey":"a"}}}',
      'is no password of this Secret',
    ],
    ['a public half of nothing', '{"a":{"publicKey":{"of":"toString","format":"pem"}}}', 'of no private key'],
    ['another format', '{"a":{"publicKey":{"of":"b","format":"der"}}}', 'a is made in no way'],
  ])('with %s is refused, and none of it is shown but keys', (_what, text, message) => {
    expect(() => parseRecipe(text)).toThrow(message);
    expect(() => parseRecipe(text)).not.toThrow('CANARY');
  });
});
