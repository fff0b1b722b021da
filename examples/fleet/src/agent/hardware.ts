/** What a machine is made of, as its agent finds it: this host's real hardware. */
import { readdir, readFile, statfs } from 'node:fs/promises';
import os from 'node:os';
import { z } from 'zod';
import { ifAbsent } from '../absent.ts';

/** Text that both databases can keep. */
export const plainText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'it has characters that are none');

export const hardwareReport = z.strictObject({
  hostname: plainText(253),
  architecture: plainText(32),
  kernel: plainText(200),
  cpus: z.array(z.strictObject({ model: plainText(200), mhz: z.number().nonnegative() })).max(4096),
  memoryBytes: z.number().int().nonnegative(),
  disks: z
    .array(
      z.strictObject({
        name: plainText(200),
        model: plainText(200).optional(),
        bytes: z.number().int().nonnegative(),
        rotational: z.boolean().optional(),
      }),
    )
    .max(4096),
  networkInterfaces: z
    .array(
      z.strictObject({
        name: plainText(64),
        mac: plainText(64),
        addresses: z.array(plainText(64)).max(256),
      }),
    )
    .max(4096),
});

export type HardwareReport = z.infer<typeof hardwareReport>;

/** Cut and cleaned to what a report may hold. */
export const cut = (text: string, max: number) =>
  text.replaceAll('\0', ' ').trim().slice(0, max).toWellFormed();

/** Reads what the operating system knows. Never fails: what cannot be read, or is too much, is left out. */
export async function readHardware(): Promise<HardwareReport> {
  return {
    hostname: cut(os.hostname(), 253),
    architecture: os.arch(),
    kernel: cut(`${os.type()} ${os.release()}`, 200),
    cpus: os.cpus().map(({ model, speed }) => ({ model: cut(model, 200), mhz: speed })),
    memoryBytes: os.totalmem(),
    disks: await readDisks(),
    networkInterfaces: Object.entries(os.networkInterfaces()).map(([name, addresses = []]) => ({
      name,
      mac: addresses[0]?.mac ?? '',
      addresses: addresses.slice(0, 256).map(({ address }) => cut(address, 64)),
    })),
  };
}

/** Linux lists its block devices; elsewhere the root file system stands in. */
async function readDisks(): Promise<HardwareReport['disks']> {
  const names = await readdir('/sys/block').catch(ifAbsent([]));
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
    cut(await readFile(`/sys/block/${name}/${file}`, 'utf8').catch(ifAbsent('')), 200);
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
