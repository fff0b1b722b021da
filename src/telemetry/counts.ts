import { activeInstruments } from './providers.ts';

/** Counts the end of a download, and the bytes of a finished one. */
export function countDownload(result: 'finished' | 'failed' | 'canceled', bytes = 0): void {
  const instruments = activeInstruments();
  instruments?.downloads.add(1, { result });
  if (bytes > 0) instruments?.downloadedBytes.add(bytes);
}

/** Counts the end of a command. */
export function countCommand(queue: string, command: string, state: string): void {
  activeInstruments()?.commands.add(1, { queue, command, state });
}

/** Counts what a holder wrote into the history of an instance. */
export function countWorkflowEvent(workflow: string, event: string, transition: string | undefined): void {
  activeInstruments()?.workflowEvents.add(1, {
    workflow,
    event,
    ...(transition !== undefined && { transition }),
  });
}
