import { GeneratedSecret, SecretSource } from 'keelson';
import { pipeline, platform } from '../support/programs.ts';
import { likeSealed } from '../support/sealing.ts';
import type { Build } from '../support/synthesized.ts';
import { aBuild, type Row } from './row.ts';

const external = (options: unknown): Build =>
  aBuild({ env: { TOKEN: SecretSource.externalSecret(options as never) } });
const sealed = (options: unknown): Build => aBuild({ env: { TOKEN: SecretSource.sealed(options as never) } });
const store = { name: 'vault' };

export const secrets: readonly Row[] = [
  [
    'an external secret of no store',
    external({ remoteKey: 'a' }),
    "ci/build: env.TOKEN.store.name: is not a valid name of a store (got nothing); give the name of a SecretStore or ClusterSecretStore, such as { name: 'vault' }",
  ],
  [
    'an external secret of a store that is a text',
    external({ store: 'vault', remoteKey: 'a' }),
    'ci/build: env.TOKEN.store.name: …',
  ],
  ['an external secret without options', external(undefined), 'ci/build: env.TOKEN.store.name: …'],
  [
    'an external secret of a kind of store that is none',
    external({ store: { ...store, kind: 'Vault' }, remoteKey: 'a' }),
    'ci/build: env.TOKEN.store.kind: is not one of the choices (got "Vault"); give SecretStore or ClusterSecretStore',
  ],
  [
    'an external secret without the name in its store',
    external({ store }),
    'ci/build: env.TOKEN.remoteKey: is not a text (got a hidden value); give the name under which the store holds the value',
  ],
  [
    'an external secret with a property that is no text',
    external({ store, remoteKey: 'a', property: { CANARY: 1 } }),
    'ci/build: env.TOKEN.property: is not a text (got a hidden value); …',
  ],
  [
    'an external secret with an interval that is a number',
    external({ store, remoteKey: 'a', refreshInterval: 60 }),
    'ci/build: env.TOKEN.refreshInterval: is not a Duration (got 60); give one, such as Duration.hours(1)',
  ],
  [
    'an external secret that would be merged into another',
    external({ store, remoteKey: 'a', creationPolicy: 'Merge' }),
    'ci/build: env.TOKEN.creationPolicy: is not one of the choices (got "Merge"); give Owner or Orphan',
  ],
  [
    'an external secret with a name that is none',
    external({ store, remoteKey: 'a', name: 'CANARY' }),
    'ci/build: env.TOKEN: is not a valid Secret name (got a hidden value); …',
  ],
  [
    'an external secret with a key that is none',
    external({ store, remoteKey: 'a', key: 'CANARY key' }),
    'ci/build: env.TOKEN: is not a valid key of a Secret (got a hidden value); …',
  ],
  [
    'a sealed secret of no name',
    sealed({ encryptedValue: likeSealed(7) }),
    'ci/build: env.TOKEN: is not a valid Secret name (got a hidden value); …',
  ],
  [
    'a sealed secret in plain text',
    sealed({ name: 'account', encryptedValue: 'CANARY' }),
    'ci/build: env.TOKEN.encryptedValue: is not a value that kubeseal has sealed, and might be readable by anybody (got a hidden value); …',
  ],
  ['a sealed secret without options', sealed(undefined), 'ci/build: env.TOKEN.encryptedValue: …'],
  [
    'a sealed secret of a scope that is none',
    sealed({ name: 'account', encryptedValue: likeSealed(7), scope: 'wide' }),
    'ci/build: env.TOKEN.scope: is not a scope (got "wide"); give strict, namespace-wide, cluster-wide',
  ],
  [
    'a generated secret that is a value',
    (app) => new GeneratedSecret(pipeline(app), 'keys', { keys: { a: 'CANARY' as never } }),
    'ci/keys: keys.a: is no way of making a value (got a hidden value); …',
  ],
  [
    'a Secret of more generated keys than the agent makes',
    (app) =>
      new GeneratedSecret(pipeline(app), 'keys', {
        keys: Object.fromEntries(
          Array.from({ length: 65 }, (_, index) => [`key-${index}`, { password: { length: 8 } }]),
        ),
      }),
    'ci/keys: keys: are too many (got "65 keys"); make at most 64 in one Secret',
  ],
  [
    'egress to what is no range of addresses',
    (app) => platform(app, { egress: ['git.example.com'] }),
    'platform: egress: is not a range of addresses (got "git.example.com"); give CIDRs, such as 10.0.0.5/32',
  ],
  [
    'egress that is no list',
    (app) => platform(app, { egress: '10.0.0.0/8' as never }),
    'platform: egress: is not a list (got "10.0.0.0/8"); give CIDRs, such as [\'10.1.0.0/16\'], or [] for none',
  ],
  [
    'egress to pods on no port',
    (app) => platform(app, { egress: [{ peers: [{ podSelector: {} }], ports: [] }] }),
    'platform: egress: names no peers, or no ports (got …); give a CIDR, or { peers, ports } with at least one of each',
  ],
  ...['0.0.0.0/0', '::/0', '128.0.0.0/1', '169.254.0.0/16', '127.0.0.0/8', '127.8.0.0/16', '126.0.0.0/7'].map(
    (range): Row => [
      `egress to ${range}`,
      (app) => platform(app, { egress: ['10.0.0.0/8', range] }),
      `platform: egress: has instance metadata or loopback addresses in it (got "${range}"); give the ranges that are needed, such as 10.1.0.0/16; without egress it is the internet`,
    ],
  ),
  [
    'egress to every address on a port',
    (app) => platform(app, { egress: [{ peers: [{ ipBlock: { cidr: '0.0.0.0/0' } }], ports: [443] }] }),
    'platform: egress: has instance metadata or loopback addresses in it (got "0.0.0.0/0"); …',
  ],
  [
    "a daemon's egress to every address",
    (app) => platform(app, { buildkit: { egress: ['::/0'] } }),
    'platform/buildkit: egress: has instance metadata or loopback addresses in it (got "::/0"); …',
  ],
  [
    'egress to nothing at all',
    (app) => platform(app, { egress: [null as never] }),
    'platform: egress: names no peers, or no ports (got null); …',
  ],
];
