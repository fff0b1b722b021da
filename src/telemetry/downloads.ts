import { activeInstruments } from './providers.ts';

/** Counts the end of a download, and the bytes of a finished one. */
export function countDownload(result: 'finished' | 'failed' | 'canceled', bytes = 0): void {
  const instruments = activeInstruments();
  instruments?.downloads.add(1, { result });
  if (bytes > 0) instruments?.downloadedBytes.add(bytes);
}
