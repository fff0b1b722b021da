/** What a machine is made of, as its agent finds it: this host's real hardware. */
import { readdir, readFile, statfs } from 'node:fs/promises';
import os from 'node:os';
import { z } from 'zod';

export const hardwareReport = z.strictObject({
  hostname: z.string().max(253),
  architecture: z.string().max(32),
  kernel: z.string().max(200),
  cpus: z.array(z.strictObject({ model: z.string().max(200), mhz: z.number().nonnegative() })).max(4096),
  memoryBytes: z.number().int().nonnegative(),
  disks: z
    .array(
      z.strictObject({
        name: z.string().max(200),
        model: z.string().max(200).optional(),
        bytes: z.number().int().nonnegative(),
        rotational: z.boolean().optional(),
      }),
    )
    .max(4096),
  networkInterfaces: z
    .array(
      z.strictObject({
        name: z.string().max(64),
        mac: z.string().max(64),
        addresses: z.array(z.string().max(64)).max(256),
      }),
    )
    .max(4096),
});

export type HardwareReport = z.infer<typeof hardwareReport>;

/** Reads what the operating system knows. Never fails: what cannot be read is left out. */
export async function readHardware(): Promise<HardwareReport> {
  return {
    hostname: os.hostname(),
    architecture: os.arch(),
    kernel: `${os.type()} ${os.release()}`,
    cpus: os.cpus().map(({ model, speed }) => ({ model: model.trim(), mhz: speed })),
    memoryBytes: os.totalmem(),
    disks: await readDisks(),
    networkInterfaces: Object.entries(os.networkInterfaces()).map(([name, addresses = []]) => ({
      name,
      mac: addresses[0]?.mac ?? '',
      addresses: addresses.map(({ address }) => address),
    })),
  };
}

/** Linux lists its block devices; elsewhere, and where that is hidden, the root file system stands in. */
async function readDisks(): Promise<HardwareReport['disks']> {
  const names = await readdir('/sys/block').catch(() => []);
  const disks = await Promise.all(
    names.filter((name) => !/^(loop|ram|zram)\d+$/.test(name)).map(readBlockDevice),
  );
  const present = disks.filter((disk) => disk.bytes > 0);
  if (present.length > 0) return present;
  const root = await statfs('/').catch(() => undefined);
  return root ? [{ name: '/', bytes: root.blocks * root.bsize }] : [];
}

async function readBlockDevice(name: string): Promise<HardwareReport['disks'][number]> {
  const read = async (file: string) =>
    (await readFile(`/sys/block/${name}/${file}`, 'utf8').catch(() => '')).trim();
  const [sectors, model, rotational] = await Promise.all([
    read('size'),
    read('device/model'),
    read('queue/rotational'),
  ]);
  return {
    name,
    ...(model && { model }),
    // The kernel counts sectors of 512 bytes, whatever the device's own are.
    bytes: Number(sectors) * 512,
    ...(rotational && { rotational: rotational === '1' }),
  };
}
