/**
 * The fleet's machines in the console, beside what Holdfast knows of them: tags are found in the schema, so a component that brings
 * a new one changes nothing here.
 */
import type { Executor, Face, Fact, ListPage, ListQuery } from '../../../../src/index.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const PREFIX = 'machine_';

/** A table with a row, or none, a machine. */
interface Tag {
  readonly name: string;
  readonly table: string;
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** Every table of the fleet's whose key is the machine; read once. */
async function reflect(on: Executor): Promise<readonly Tag[]> {
  const { rows } = await on.execute({
    text: `SELECT table_name FROM information_schema.columns
      WHERE table_schema = 'fleet' AND column_name = 'machine_id' AND table_name LIKE 'machine\\_%' ORDER BY table_name`,
    values: [],
  });
  return rows.map(([table]) => ({ name: table!.slice(PREFIX.length), table: `fleet.${quoted(table!)}` }));
}

/** For `listenForConsole`: a list of machines, and on a machine's page its tags with their values. */
export function machinesFace(): Face {
  let tags: readonly Tag[] | undefined;
  const tagsOf = async (on: Executor) => {
    tags ??= await reflect(on);
    return tags;
  };
  return {
    name: 'fleet',
    explain: async (on, target) => {
      const facts = UUID.test(target) ? await factsOf(on, target, await tagsOf(on)) : [];
      return { facts, ...(facts[0] && { title: String(facts[0]['name']) }) };
    },
    pages: {
      lists: [
        {
          id: 'machines',
          title: 'Machines',
          about: 'What the inventory wants, and the tags that each machine has',
          columns: [
            { name: 'name' },
            { name: 'machine', look: 'target' },
            { name: 'state', look: 'state' },
            { name: 'provider' },
            { name: 'system' },
            { name: 'tags' },
          ],
          filters: [{ name: 'name', label: 'Name begins with' }],
          page: async (on, query) => machines(on, query, await tagsOf(on)),
        },
      ],
    },
  };
}

/** One statement: the machine, and each tag that it has, as JSON. */
async function factsOf(on: Executor, machineId: string, tags: readonly Tag[]): Promise<Fact[]> {
  const tables = [{ name: '', table: 'fleet.machine' }, ...tags];
  const text = tables
    .map(
      ({ table }, i) =>
        `SELECT ${i}::INT8, to_jsonb(t)::TEXT FROM ${table} AS t WHERE t.machine_id = $1::UUID`,
    )
    .join(' UNION ALL ');
  const { rows } = await on.execute({ text, values: [machineId] });
  return rows.map(([i, json]) => {
    const { machine_id: _, ...values } = JSON.parse(json!) as Record<string, unknown>;
    const name = tables[Number(i)]!.name;
    return {
      ...(name !== '' && { tag: name }),
      ...Object.fromEntries(
        Object.entries(values).map(([key, value]) => [key.replaceAll('_', ' '), shown(key, value)]),
      ),
    };
  });
}

function shown(key: string, value: unknown): string | number | Date | null {
  if (value === null || typeof value === 'number') return value;
  if (typeof value !== 'string') return JSON.stringify(value);
  return /_at$|^since$/.test(key) && !Number.isNaN(Date.parse(value)) ? new Date(value) : value;
}

/** A page in the order of the unique names; tags by their primary keys. */
async function machines(
  on: Executor,
  { after, filters, size }: ListQuery,
  tags: readonly Tag[],
): Promise<ListPage> {
  const has = tags.map(
    ({ table }) => `EXISTS (SELECT 1 FROM ${table} AS t WHERE t.machine_id = m.machine_id)`,
  );
  const { rows } = await on.execute({
    text: `SELECT m.name, m.machine_id, m.provider, m.os_image${has.map((one) => `, ${one}`).join('')}
      FROM fleet.machine AS m WHERE m.name > $1 AND left(m.name, length($2::TEXT)) = $2 ORDER BY m.name LIMIT $3::INT8`,
    values: [after?.[0] ?? '', filters['name'] ?? '', String(size + 1)],
  });
  return {
    rows: rows.slice(0, size).map(([name, machine, provider, system, ...present]) => {
      const own = tags.filter((_, i) => present[i] === 't').map((tag) => tag.name);
      return { values: { name, machine, provider, system, state: stateOf(own), tags: own.join(', ') } };
    }),
    next: rows.length > size ? [rows[size - 1]![0]!] : undefined,
  };
}

/** What the tags say in a word. */
function stateOf(tags: readonly string[]): string {
  if (tags.includes('unwanted')) return 'unwanted';
  if (tags.includes('missing')) return 'missing';
  if (tags.includes('agent_heartbeat')) return 'running';
  return tags.includes('provided') ? 'provided' : 'wanted';
}
