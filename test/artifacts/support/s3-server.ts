import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';

/** What is used of `@20minutes/s3rver`, which ships without types. */
interface S3Rver {
  readonly run: () => Promise<AddressInfo>;
  readonly close: () => Promise<void>;
  readonly httpServer: { closeAllConnections(): void };
}
type S3RverClass = new (options: {
  readonly address: string;
  readonly port: number;
  readonly silent: boolean;
  readonly directory: string;
  readonly configureBuckets: readonly { readonly name: string }[];
}) => S3Rver;

const S3Rver = createRequire(import.meta.url)('@20minutes/s3rver') as S3RverClass;

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly bucket: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** An S3 server of this process, with one empty bucket; it asks for paths with the bucket in them. */
export async function startS3(directory: string): Promise<S3Server> {
  const bucket = 'artifacts';
  const options = {
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: bucket }],
  };
  const server = new S3Rver(options);
  const { port } = await server.run();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    bucket,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    [Symbol.asyncDispose]: async () => {
      const closed = server.close();
      server.httpServer.closeAllConnections();
      await closed;
    },
  };
}
