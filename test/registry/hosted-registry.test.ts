import { HostedRegistry, type HostedRegistryProps, SecretSource, Tag } from 'keelson';
import { describe, expect, test } from 'vitest';
import { CERTIFICATE } from '../support/certificate.ts';
import { platform } from '../support/programs.ts';
import { synthesized } from '../support/synthesized.ts';

const HOST = 'registry.example.com:5000';
const account = (name: string): SecretSource => SecretSource.existing(name, '.dockerconfigjson');
const problemsAt = (host: string, props?: Partial<Record<keyof HostedRegistryProps, unknown>>): string[] =>
  HostedRegistry.at(host, props as HostedRegistryProps)
    .problems('registry')
    .map(({ property, message }) => `${property} ${message}`);

describe('well-known registries', () => {
  test.each([
    ['quay.io', HostedRegistry.quay(), 'quay.io', 'quay.io'],
    ['Docker Hub', HostedRegistry.dockerHub(), 'index.docker.io', 'docker.io'],
    ['ghcr.io', HostedRegistry.gitHub(), 'ghcr.io', 'ghcr.io'],
  ])('%s has its names, and needs an account to push', (_name, registry, pushHost, imageHost) => {
    expect(registry).toMatchObject({ pushHost, imageHost, insecure: false, needsAccount: true });
    expect(registry.problems('registry')).toEqual([]);
    expect([registry.nodeFiles, registry.destinations, registry.aliasServices()]).toEqual([[], [], []]);
    const target = registry.image('team/build', { tag: Tag.branch() });
    expect(target.problems('target')).toEqual([]);
    expect(target.imageName('main').toString()).toBe(`${imageHost}/team/build:main`);
    expect(target.pushName('main').toString()).toBe(`${pushHost}/team/build:main`);
  });

  test.each([
    ['quay.io', HostedRegistry.quay(), 'build'],
    ['Docker Hub', HostedRegistry.dockerHub(), 'build'],
    ['Docker Hub', HostedRegistry.dockerHub(), 'library/build'],
    ['Docker Hub', HostedRegistry.dockerHub(), 'team/more/build'],
    ['ghcr.io', HostedRegistry.gitHub(), 'build'],
  ])('%s has no repository %s that could be pushed to', (_name, registry, repository) => {
    expect(registry.image(repository).problems('target')).toMatchObject([{ property: 'target.repository' }]);
  });

  test('quay.io and ghcr.io have names of several parts', () => {
    expect(HostedRegistry.quay().image('team/more/build').problems('target')).toEqual([]);
    expect(HostedRegistry.gitHub().image('owner/repository/build').problems('target')).toEqual([]);
  });

  test('keep the accounts that they are given', () => {
    const [push, one, two] = [account('push'), account('one'), account('two')];
    const registry = HostedRegistry.quay({ pushCredential: push, pullCredentials: [one, two] });
    expect(registry.pushCredential).toBe(push);
    expect(registry.pullCredentials).toEqual([one, two]);
    expect(HostedRegistry.quay().pullCredentials).toEqual([]);
  });
});

describe('any other registry', () => {
  test('has one name, for whoever reaches it', () => {
    expect(HostedRegistry.at(HOST)).toMatchObject({ pushHost: HOST, imageHost: HOST, needsAccount: false });
    expect(HostedRegistry.at(HOST).problems('registry')).toEqual([]);
    expect(HostedRegistry.at(HOST).image('build').problems('target')).toEqual([]);
  });

  test.each([
    'registry.example.com',
    '10.0.0.5:5000',
    '[fd00::5]:5000',
    'images:5000',
    'Registry.Example.com',
  ])('may be at %s', (host) => {
    expect(problemsAt(host)).toEqual([]);
  });

  test.each([
    ['localhost:5000', "is another machine for each node, and for Keel's pod that pod itself"],
    ['127.0.0.1', "is another machine for each node, and for Keel's pod that pod itself"],
    ['[::1]:5000', "is another machine for each node, and for Keel's pod that pod itself"],
    ['https://registry.example.com', 'has a scheme'],
    ['registry.example.com/team', 'has a path'],
    ['registry', 'is taken for a part of a name on Docker Hub'],
    ['docker.io', 'is Docker Hub, which has several names'],
    ['index.docker.io', 'is Docker Hub, which has several names'],
    ['', 'is not a host'],
    ['a b', 'is not a host'],
    ['registry.example.com:99999', 'is not a host'],
    ['user:password@registry.example.com', 'is not a host'],
    [undefined as never, 'is not a host'],
    [5000 as never, 'is not a host'],
  ])('may not be at %s', (host, message) => {
    expect(problemsAt(host)).toEqual([`registry.host ${message}`]);
  });

  test('is reached by network policies at its addresses, or at the address that its name is', () => {
    const peers = [{ ipBlock: { cidr: '10.1.0.0/24' } }, { ipBlock: { cidr: '10.2.0.5/32' } }];
    const addresses = ['10.1.0.0/24', '10.2.0.5/32'];
    expect(HostedRegistry.at(HOST, { addresses }).destinations).toEqual([{ peers, ports: [5000] }]);
    expect(HostedRegistry.at('r.example.com', { addresses }).destinations).toEqual([{ peers, ports: [443] }]);
    expect(HostedRegistry.at('r.example.com', { addresses, insecure: true }).destinations[0]?.ports).toEqual([
      80,
    ]);
    expect(HostedRegistry.at('10.0.0.5:5000').destinations).toEqual([
      { peers: [{ ipBlock: { cidr: '10.0.0.5/32' } }], ports: [5000] },
    ]);
    expect(HostedRegistry.at('[fd00::5]').destinations).toEqual([
      { peers: [{ ipBlock: { cidr: 'fd00::5/128' } }], ports: [443] },
    ]);
    expect(HostedRegistry.at(HOST).destinations).toEqual([]);
  });

  test.each<[string, Partial<Record<keyof HostedRegistryProps, unknown>>, string]>([
    ['an address that is none', { addresses: ['10.0.0.5'] }, 'addresses is not a range of addresses'],
    ['addresses that are no list', { addresses: '10.0.0.5/32' }, 'addresses is no list'],
    ['an answer that is none', { insecure: 'yes' }, 'insecure is neither true nor false'],
    [
      'an authority for plain http',
      { insecure: true, certificateAuthority: CERTIFICATE },
      'certificateAuthority vouches for nothing where plain http is spoken',
    ],
    ['a credential that is text', { pushCredential: 'CANARY' }, 'pushCredential is no SecretSource'],
    ['credentials that are one', { pullCredentials: account('a') }, 'pullCredentials is no list'],
    [
      'a credential among them that is text',
      { pullCredentials: ['CANARY'] },
      'pullCredentials[0] is no SecretSource',
    ],
    [
      'a path to certificates',
      { certificateAuthority: '/etc/ca.crt' },
      'certificateAuthority is no certificate',
    ],
    ['a buffer', { certificateAuthority: Buffer.from('x') }, 'certificateAuthority is no text'],
    [
      'a key beside the certificate',
      {
        certificateAuthority: `${CERTIFICATE}-----BEGIN EC PRIVATE KEY-----\nCANARY\n-----END EC PRIVATE KEY-----\n`,
      },
      'certificateAuthority has a private key in it',
    ],
    [
      'a certificate that was cut',
      { certificateAuthority: CERTIFICATE.replace(/\n.{20}/, '\n') },
      'certificateAuthority is no certificate',
    ],
    [
      'a public key',
      { certificateAuthority: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n' },
      'certificateAuthority is no certificate',
    ],
  ])('may not have %s', (_what, props, problem) => {
    expect(problemsAt(HOST, props)).toEqual([`registry.${problem}`]);
    expect(JSON.stringify(HostedRegistry.at(HOST, props as HostedRegistryProps).problems('r'))).not.toContain(
      'CANARY',
    );
  });

  test('may have several certificates, without what openssl writes around them', () => {
    const certificateAuthority = `subject=CN = a\n${CERTIFICATE}\nsubject=CN = b\n${CERTIFICATE}`;
    expect(problemsAt(HOST, { certificateAuthority })).toEqual([]);
    expect(HostedRegistry.at(HOST, { certificateAuthority }).certificateAuthority).toBe(
      `${CERTIFICATE}\n${CERTIFICATE}\n`,
    );
  });
});

describe('files for nodes', () => {
  const filesOf = (registry: HostedRegistry): ReadonlyMap<string, string> =>
    synthesized((app) => platform(app, { registry })).nodeFiles;

  test('say who vouches for the registry, in the folder that containerd looks for', () => {
    const files = filesOf(HostedRegistry.at(HOST, { certificateAuthority: CERTIFICATE }));
    const folder = 'registry.example.com_5000_';
    expect([...files.keys()].sort()).toEqual([
      `${folder}/README.md`,
      `${folder}/certs.d/${folder}/ca.crt`,
      `${folder}/certs.d/${folder}/hosts.toml`,
    ]);
    expect(files.get(`${folder}/certs.d/${folder}/hosts.toml`)).toBe(`server = "https://${HOST}"

[host."https://${HOST}"]
capabilities = ["pull", "resolve"]
ca = "ca.crt"
`);
    expect(files.get(`${folder}/certs.d/${folder}/ca.crt`)).toBe(`${CERTIFICATE}\n`);
    expect(files.get(`${folder}/README.md`)).toContain('/etc/containerd/certs.d/');
  });

  test('say that it speaks plain http', () => {
    const files = filesOf(HostedRegistry.at('r.example.com', { insecure: true }));
    expect([...files.keys()].sort()).toEqual([
      'r.example.com/README.md',
      'r.example.com/certs.d/r.example.com/hosts.toml',
    ]);
    expect(files.get('r.example.com/certs.d/r.example.com/hosts.toml')).toContain(
      '[host."http://r.example.com"]',
    );
  });

  test('are not needed where a public authority vouches for it', () => {
    expect(filesOf(HostedRegistry.quay())).toEqual(new Map());
    expect(filesOf(HostedRegistry.at(HOST))).toEqual(new Map());
  });
});
