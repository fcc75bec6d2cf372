import { createHash, createHmac } from 'node:crypto';

export interface S3Request {
  readonly method: string;
  /** Without a query, and with no character in its path that has to be encoded. */
  readonly url: URL;
  readonly body: string;
  readonly user: string;
  readonly password: string;
}

/**
 * The headers of a request to an S3 server, with its signature.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function signed({ method, url, body, user, password }: S3Request): Record<string, string> {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const digest = sha256(body);
  const names = 'host;x-amz-content-sha256;x-amz-date';
  const headers = [`host:${url.host}`, `x-amz-content-sha256:${digest}`, `x-amz-date:${time}`, ''];
  const canonical = [method, url.pathname, '', ...headers, names, digest].join('\n');
  const scope = `${day}/us-east-1/s3/aws4_request`;
  const key = [day, 'us-east-1', 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${password}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n'));
  return {
    'x-amz-content-sha256': digest,
    'x-amz-date': time,
    authorization: `AWS4-HMAC-SHA256 Credential=${user}/${scope}, SignedHeaders=${names}, Signature=${signature.toString('hex')}`,
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
