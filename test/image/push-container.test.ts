// The container that pushes: what skopeo is told, by real shells that find a program of that name which notes it.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ImageName } from 'keelson';
import { describe, expect, test } from 'vitest';
import {
  type PushOptions,
  pushConfigMaps,
  pushContainer,
  pushVolumes,
} from '../../lib/image/push-container.ts';
import { CERTIFICATE } from '../support/certificate.ts';
import { inTemporaryDirectory } from '../support/synthesized.ts';

const credential = (secretName: string): { secretName: string; key: string; optional: boolean } => ({
  secretName,
  key: '.dockerconfigjson',
  optional: false,
});
const skopeo = ImageName.parse('quay.io/skopeo/stable:v1');
const names = ['quay.io/team/a:main-c0ffee', 'quay.io/team/a:main'].map((name) => ImageName.parse(name));
const archive: PushOptions = {
  skopeo,
  from: 'archive',
  to: { registry: { insecure: false }, credential: credential('push'), names },
};
const DIGEST = `sha256:${'a'.repeat(64)}`;
const copy: PushOptions = {
  ...archive,
  from: {
    registry: { insecure: true },
    credential: undefined,
    image: ImageName.parse(`registry:5000/team/a@${DIGEST}`),
  },
};

/** The command lines that the container calls skopeo with, its archive in the given state. */
function called(
  options: PushOptions,
  content: Buffer,
  shell: string,
  accounts: readonly string[] = ['push'],
): { calls: string[]; read: string } {
  return inTemporaryDirectory((folder) => {
    for (const account of accounts) {
      mkdirSync(join(folder, 'keelson', account), { recursive: true });
      writeFileSync(join(folder, 'keelson', account, 'config.json'), '{}');
    }
    const { command = [], args = [], env = [] } = pushContainer(options);
    const [path, log, read] = ['image.tar', 'log', 'read'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(path, content);
    const program = `#!/bin/sh\necho "$@" >>${log}\nfor a; do case $a in docker-archive:*) cat "\${a#docker-archive:}" >${read} ;; esac; done\n`;
    writeFileSync(join(folder, 'skopeo'), program);
    chmodSync(join(folder, 'skopeo'), 0o755);
    const [, flags = '', script = '', ...rest] = command;
    execFileSync(
      shell,
      // The container has its /tmp to itself.
      [
        flags,
        script.replaceAll('/tmp/image.tar', `${path}.unpacked`),
        ...rest,
        ...args.map((arg) => arg.replace('/keelson/archive/image.tar', path)),
      ],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: {
          PATH: `${folder}:${process.env['PATH']}`,
          ...Object.fromEntries(
            env.map(({ name, value = '' }) => [name, value.replaceAll('/keelson/', `${folder}/keelson/`)]),
          ),
        },
      },
    );
    const calls = readFileSync(log, 'utf8').trim().split('\n');
    return {
      calls: calls.map((call) => call.replaceAll(folder, '')),
      read: options.from === 'archive' ? readFileSync(read, 'utf8') : '',
    };
  });
}

describe.each(['sh', 'bash'])('in %s', (shell) => {
  test('an archive is pushed under each name, in order', () => {
    const { calls, read } = called(archive, Buffer.from('content'), shell);
    expect(calls).toEqual([
      '--tmpdir=/tmp copy --retry-times=3 --dest-authfile=/keelson/push/config.json docker-archive:/image.tar docker://quay.io/team/a:main-c0ffee',
      '--tmpdir=/tmp copy --retry-times=3 --dest-authfile=/keelson/push/config.json docker-archive:/image.tar docker://quay.io/team/a:main',
    ]);
    expect(read).toBe('content');
  });

  test('a compressed archive, such as Makisu leaves, is unpacked before', () => {
    const { calls, read } = called(archive, gzipSync('content'), shell);
    expect(calls).toHaveLength(2);
    expect(calls[0]).toContain('docker-archive:/image.tar.unpacked docker://quay.io/team/a:main-c0ffee');
    expect(read).toBe('content');
  });

  test('an image of another registry keeps its digest, with all that the digest names', () => {
    const { calls } = called(copy, Buffer.from(''), shell);
    expect(calls[1]).toBe(
      `--tmpdir=/tmp copy --retry-times=3 --all --preserve-digests --src-tls-verify=false --dest-authfile=/keelson/push/config.json docker://registry:5000/team/a@${DIGEST} docker://quay.io/team/a:main`,
    );
  });
});

test.each([
  [copy, 'push'],
  [{ ...archive, to: { ...archive.to, credential: undefined } }, undefined],
])(
  'an account that is missing, where one is asked for, ends it as skipped before anything is pushed',
  (options, account) => {
    if (account === undefined) {
      expect(called(options, Buffer.from('content'), 'sh', []).calls).toHaveLength(2);
    } else {
      expect(() => called(options, Buffer.from(''), 'sh', [])).toThrow(
        expect.objectContaining({ status: 66 }),
      );
    }
  },
);

test('a registry with a private authority is known by it, and each side by its own', () => {
  const ends: PushOptions = {
    skopeo,
    from: {
      registry: { insecure: false, certificateAuthority: `${CERTIFICATE}# one` },
      credential: credential('pull'),
      image: ImageName.parse(`a.example.com/b@${DIGEST}`),
    },
    to: { ...archive.to, registry: { insecure: false, certificateAuthority: CERTIFICATE } },
  };
  const { env = [], volumeMounts = [] } = pushContainer(ends);
  expect(env[0]?.value).toBe(
    '--all --preserve-digests --src-cert-dir=/keelson/pull-certs --src-authfile=/keelson/pull/config.json --dest-cert-dir=/keelson/push-certs --dest-authfile=/keelson/push/config.json',
  );
  const volumes = pushVolumes(ends);
  expect(volumes.map(({ name }) => name).sort()).toEqual(volumeMounts.map(({ name }) => name).sort());
  expect(volumeMounts.filter(({ name, readOnly }) => name !== 'push-tmp' && !readOnly)).toEqual([]);
  expect(volumes.find(({ name }) => name === 'push-credential')?.secret?.secretName).toBe('push');
  expect(volumes.find(({ name }) => name === 'pull-credential')?.secret?.secretName).toBe('pull');
  const maps = pushConfigMaps(ends, 'there');
  const mounted = volumes.flatMap(({ configMap }) => configMap?.name ?? []);
  expect(mounted.sort()).toEqual(maps.map(({ metadata }) => metadata?.name).sort());
  expect(maps.find(({ metadata }) => metadata?.name === 'registry-ca')?.data?.['ca.crt']).toBe(CERTIFICATE);
});

test('nothing but the archive and a folder for its own files is there where no account is asked for', () => {
  const { volumeMounts } = pushContainer({ ...archive, to: { ...archive.to, credential: undefined } });
  expect(volumeMounts?.map(({ name }) => name)).toEqual(['archive', 'push-tmp']);
});
