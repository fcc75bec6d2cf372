import { ImageName } from 'keelson';
import { describe, expect, test } from 'vitest';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('a name is read as docker reads it', () => {
  test.each<[string, string]>([
    ['redis', 'docker.io/library/redis'],
    ['redis:7', 'docker.io/library/redis:7'],
    ['minio/minio', 'docker.io/minio/minio'],
    ['quay.io/minio/minio:RELEASE.1', 'quay.io/minio/minio:RELEASE.1'],
    ['localhost/a', 'localhost/a'],
    ['localhost:32000/a:b', 'localhost:32000/a:b'],
    ['172.31.39.52:32000/leafai/a:b', '172.31.39.52:32000/leafai/a:b'],
    ['HOST/a', 'HOST/a'],
    ['[::1]:5000/a', '[::1]:5000/a'],
    [`a/b@${DIGEST}`, `docker.io/a/b@${DIGEST}`],
    [`q.io/a/b:c@${DIGEST}`, `q.io/a/b:c@${DIGEST}`],
  ])('%s is %s', (text, full) => {
    const name = ImageName.parse(text);
    expect(name.toString()).toBe(full);
    expect(name.problems('image')).toEqual([]);
    expect(ImageName.parse(full).toString()).toBe(full);
  });
});

test('another tag takes the place of tag and digest', () => {
  expect(ImageName.parse(`q.io/a:b@${DIGEST}`).withTag('c').toString()).toBe('q.io/a:c');
});

test.each<[string, boolean]>([
  ['localhost:32000/a', true],
  ['localhost/a', true],
  ['LOCALHOST:32000/a', true],
  ['127.0.0.1:5000/a', true],
  ['[::1]:5000/a', true],
  ['localhost.example.com/a', false],
  ['10.0.0.1:5000/a', false],
  ['redis', false],
])('whether the registry of %s is local to each machine: %s', (text, local) => {
  expect(ImageName.parse(text).isLocal).toBe(local);
});

describe('problems', () => {
  test.each<[string, string]>([
    ['', 'image.repository'],
    ['UPPER', 'image.repository'],
    ['a b', 'image.repository'],
    ['a//b', 'image.repository'],
    ['a/', 'image.repository'],
    ['q.io/-a', 'image.repository'],
    ['q.io/a__b___c', 'image.repository'],
    ['q.io/$(id)', 'image.repository'],
    ['a:', 'image.tag'],
    ['a:-b', 'image.tag'],
    ['a:b c', 'image.tag'],
    [`a:${'x'.repeat(129)}`, 'image.tag'],
    ['a:名', 'image.tag'],
    ['a@sha256:abc', 'image.digest'],
    ['a@', 'image.digest'],
    ['q.io:0/a', 'image.registry'],
    ['q.io:65536/a', 'image.registry'],
    ['q.io:99999/a', 'image.registry'],
    ['q.io:http/a', 'image.registry'],
    ['-q.io/a', 'image.registry'],
    ['q..io/a', 'image.registry'],
  ])('%j has one in its %s', (text, property) => {
    const [first, ...others] = ImageName.parse(text).problems('image');
    expect(others).toEqual([]);
    expect(first?.property).toBe(property);
    expect(first?.remedy).not.toBe('');
  });

  test('a URL is no name', () => {
    expect(ImageName.parse('https://quay.io/a/b').problems('image').length).toBeGreaterThan(0);
  });
});
