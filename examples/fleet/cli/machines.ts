import { checkSchema, connect } from '../../../src/index.ts';
import { listMachines } from '../src/queries/machines.ts';
import { FLEET_SCHEMA } from '../src/schema.ts';

/** Prints a line for each machine: what it is called, how it is, how fresh that is. */
export async function printMachines(url: string, silentMs: number): Promise<void> {
  const db = await connect({ url, applicationName: 'holdfast-fleet-machines', pool: { max: 1 } });
  try {
    await checkSchema(db);
    await checkSchema(db, { set: FLEET_SCHEMA });
    const machines = await db.transact((tx) => listMachines(tx, { silentMs: BigInt(silentMs) }), {
      readOnly: true,
    });
    const rows = machines.map((machine) => [
      machine.name,
      machine.state,
      machine.agentEpoch === null ? '-' : `agent ${machine.agentEpoch}`,
      machine.osResult === 'success' ? `${machine.osImage} (${machine.osReportedGeneration})` : '-',
      machine.agentHeartbeatAt?.toISOString() ?? '-',
    ]);
    const table = [['NAME', 'STATE', 'AGENT', 'OS', 'HEARTBEAT'], ...rows];
    const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
    for (const row of table)
      console.log(
        row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd(),
      );
  } finally {
    await db.close();
  }
}
