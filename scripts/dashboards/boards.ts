/**
 * What the dashboards show. Names as Prometheus has them; $__rate_interval is Grafana's: four scrapes at least. What janitors count
 * is the whole database, whichever of their replicas says it: a maximum, never a sum.
 */

/** One panel: a graph of its queries, each with the legend of its series. */
export interface PanelText {
  readonly title: string;
  /** One sentence or two: what it shows, and how to read it. */
  readonly description: string;
  readonly unit: 'short' | 'ops' | 's' | 'percentunit' | 'Bps';
  readonly queries: readonly (readonly [expression: string, legend: string])[];
}

export interface BoardText {
  readonly file: string;
  readonly title: string;
  readonly description: string;
  readonly rows: Readonly<Record<string, readonly PanelText[]>>;
}

const rate = (series: string) => `rate(${series}[$__rate_interval])`;
const perSecond = (by: string, series: string) => `sum by (${by}) (${rate(series)})`;
const counted = (by: string, gauge: string) => `max by (${by}) (${gauge})`;
const share = (by: string, part: string, whole: string) => `${perSecond(by, part)} / ${perSecond(by, whole)}`;
const quantile = (q: number, by: string, histogram: string) =>
  `histogram_quantile(${q}, ${perSecond(['le', by].filter(Boolean).join(', '), `${histogram}_bucket`)})`;

export const BOARDS: readonly BoardText[] = [
  {
    file: 'fleet.json',
    title: 'Holdfast: fleet',
    description: 'Who is alive, what the fleet is in, and what each component does.',
    rows: {
      Fleet: [
        {
          title: 'Machines by state',
          description: "The reference fleet's own gauge; a program with other targets has none of it.",
          unit: 'short',
          queries: [[counted('state', 'holdfast_fleet_machines'), '{{state}}']],
        },
        {
          title: 'Live sessions',
          description: 'By component, as the janitor counts them.',
          unit: 'short',
          queries: [[counted('component', 'holdfast_sessions_live'), '{{component}}']],
        },
        {
          title: 'Sessions started a minute',
          description: 'A steady line above zero means that sessions do not last.',
          unit: 'short',
          queries: [[`60 * ${perSecond('component', 'holdfast_sessions_started_total')}`, '{{component}}']],
        },
        {
          title: 'Work claimed a second',
          description: 'By component.',
          unit: 'ops',
          queries: [[perSecond('component', 'holdfast_work_started_total'), '{{component}}']],
        },
        {
          title: 'Transactions a second',
          description: 'By component; those outside of a session have none.',
          unit: 'ops',
          queries: [[perSecond('component', 'holdfast_transactions_started_total'), '{{component}}']],
        },
        {
          title: 'Requests for repositories, 99th percentile',
          description: 'Seconds until the answer begins, by route and status.',
          unit: 's',
          queries: [
            [
              quantile(0.99, 'http_route, http_response_status_code', 'http_server_request_duration_seconds'),
              '{{http_route}} {{http_response_status_code}}',
            ],
          ],
        },
      ],
    },
  },
  {
    file: 'transactions.json',
    title: 'Holdfast: transactions and retries',
    description: 'How transactions end, what they are retried for, how long they and their statements take.',
    rows: {
      Transactions: [
        {
          title: 'Ends a second',
          description: 'By outcome. An ambiguous one is a commit whose answer was lost.',
          unit: 'ops',
          queries: [[perSecond('outcome', 'holdfast_transaction_duration_seconds_count'), '{{outcome}}']],
        },
        {
          title: 'Duration, median and 99th percentile',
          description: 'With all attempts, pauses and waits for a connection.',
          unit: 's',
          queries: [
            [quantile(0.5, '', 'holdfast_transaction_duration_seconds'), 'median'],
            [quantile(0.99, '', 'holdfast_transaction_duration_seconds'), '99th percentile'],
          ],
        },
        {
          title: 'Slowest transactions, 99th percentile',
          description: 'The ten slowest, by name.',
          unit: 's',
          queries: [
            [
              `topk(10, ${quantile(0.99, 'transaction', 'holdfast_transaction_duration_seconds')})`,
              '{{transaction}}',
            ],
          ],
        },
        {
          title: 'Retried attempts a second',
          description: "By cause, and by CockroachDB's reason.",
          unit: 'ops',
          queries: [
            [
              perSecond('error_type, holdfast_retry_reason', 'holdfast_transactions_retried_total'),
              '{{error_type}} {{holdfast_retry_reason}}',
            ],
          ],
        },
        {
          title: 'Retries a transaction, mean and 99th percentile',
          description: 'By name. Above one for long, two transactions meet on the same rows.',
          unit: 'short',
          queries: [
            [
              share('transaction', 'holdfast_transaction_retries_sum', 'holdfast_transaction_retries_count'),
              '{{transaction}}, mean',
            ],
            [
              quantile(0.99, 'transaction', 'holdfast_transaction_retries'),
              '{{transaction}}, 99th percentile',
            ],
          ],
        },
        {
          title: 'Failed transactions a second',
          description: 'Without a known commit, by cause.',
          unit: 'ops',
          queries: [
            [
              perSecond('component, error_type', 'holdfast_transactions_failed_total'),
              '{{component}} {{error_type}}',
            ],
          ],
        },
      ],
      Database: [
        {
          title: 'Statement duration, median and 99th percentile',
          description: 'Sent until answered.',
          unit: 's',
          queries: [
            [quantile(0.5, '', 'db_client_operation_duration_seconds'), 'median'],
            [quantile(0.99, '', 'db_client_operation_duration_seconds'), '99th percentile'],
          ],
        },
        {
          title: 'Slowest statements, 99th percentile',
          description: 'The ten slowest, by the name of the query.',
          unit: 's',
          queries: [
            [
              `topk(10, ${quantile(0.99, 'db_query_summary', 'db_client_operation_duration_seconds')})`,
              '{{db_query_summary}}',
            ],
          ],
        },
        {
          title: 'Statements a second',
          description: 'The ten most frequent.',
          unit: 'ops',
          queries: [
            [
              `topk(10, ${perSecond('db_query_summary', 'db_client_operation_duration_seconds_count')})`,
              '{{db_query_summary}}',
            ],
          ],
        },
        {
          title: 'Connections',
          description: 'By pool and state, and the most that each opens.',
          unit: 'short',
          queries: [
            [
              'sum by (db_client_connection_pool_name, db_client_connection_state) (db_client_connection_count)',
              '{{db_client_connection_pool_name}} {{db_client_connection_state}}',
            ],
            [
              'sum by (db_client_connection_pool_name) (db_client_connection_max)',
              '{{db_client_connection_pool_name}} at most',
            ],
          ],
        },
        {
          title: 'Waiting for a connection',
          description: 'Above zero for long, the pool is too small, or transactions are too long.',
          unit: 'short',
          queries: [
            [
              'sum by (db_client_connection_pool_name) (db_client_connection_pending_requests)',
              '{{db_client_connection_pool_name}}',
            ],
          ],
        },
      ],
    },
  },
  {
    file: 'work.json',
    title: 'Holdfast: work',
    description:
      'What is held and what waits; what backs off, is parked or quarantined; what was taken over from the dead.',
    rows: {
      'Held and waiting': [
        {
          title: 'Work held',
          description: 'By live sessions, by kind.',
          unit: 'short',
          queries: [[counted('kind', 'holdfast_work_active'), '{{kind}}']],
        },
        {
          title: 'Work that waits',
          description: 'By kind, where a janitor was told how to count it.',
          unit: 'short',
          queries: [[counted('kind', 'holdfast_work_pending'), '{{kind}}']],
        },
        {
          title: 'Ends a second',
          description: 'By kind and result.',
          unit: 'ops',
          queries: [[perSecond('kind, result', 'holdfast_work_ended_total'), '{{kind}} {{result}}']],
        },
        {
          title: 'Time held, median and 99th percentile',
          description: 'From the claim to the end, by kind.',
          unit: 's',
          queries: [
            [quantile(0.5, 'kind', 'holdfast_work_duration_seconds'), '{{kind}}, median'],
            [quantile(0.99, 'kind', 'holdfast_work_duration_seconds'), '{{kind}}, 99th percentile'],
          ],
        },
      ],
      Trouble: [
        {
          title: 'Share of work that failed',
          description: 'Of what ended, by kind.',
          unit: 'percentunit',
          queries: [
            [
              share('kind', 'holdfast_work_ended_total{result="failed"}', 'holdfast_work_ended_total'),
              '{{kind}}',
            ],
          ],
        },
        {
          title: 'Take-overs a minute',
          description: 'Work claimed from a holder that died, by kind and by the component that took it.',
          unit: 'short',
          queries: [
            [
              `60 * ${perSecond('component, kind', 'holdfast_work_taken_over_total')}`,
              '{{kind}} by {{component}}',
            ],
          ],
        },
        {
          title: 'Targets backing off',
          description: 'Failed and not yet due again, by kind.',
          unit: 'short',
          queries: [[counted('kind', 'holdfast_work_backoff'), '{{kind}}']],
        },
        {
          title: 'Targets parked',
          description: 'Until their time has come or somebody wakes them, by kind.',
          unit: 'short',
          queries: [[counted('kind', 'holdfast_work_parked'), '{{kind}}']],
        },
        {
          title: 'Targets in quarantine',
          description: 'No claim takes them until an operator releases them, by kind.',
          unit: 'short',
          queries: [[counted('kind', 'holdfast_work_quarantined'), '{{kind}}']],
        },
      ],
    },
  },
  {
    file: 'faces.json',
    title: 'Holdfast: operations, commands and workflows',
    description: 'How many there are in each state, what goes through, and what is stuck.',
    rows: {
      Operations: [
        {
          title: 'Operations by state',
          description: 'By kind and state. FAILED ones wait for an operator.',
          unit: 'short',
          queries: [[counted('kind, state', 'holdfast_operations'), '{{kind}} {{state}}']],
        },
      ],
      Commands: [
        {
          title: 'Commands pending',
          description: 'By queue.',
          unit: 'short',
          queries: [[counted('queue', 'holdfast_commands_pending'), '{{queue}}']],
        },
        {
          title: 'Age of the oldest pending command',
          description: 'Seconds since it was sent, by queue.',
          unit: 's',
          queries: [[counted('queue', 'holdfast_commands_oldest_seconds'), '{{queue}}']],
        },
        {
          title: 'Commands ended a second',
          description: 'By queue, command and how.',
          unit: 'ops',
          queries: [
            [
              perSecond('queue, command, state', 'holdfast_commands_ended_total'),
              '{{queue}} {{command}} {{state}}',
            ],
          ],
        },
      ],
      Workflows: [
        {
          title: 'Instances by state',
          description: 'Those that have not ended, by workflow.',
          unit: 'short',
          queries: [
            [counted('workflow, state', 'holdfast_workflows{condition="open"}'), '{{workflow}} {{state}}'],
          ],
        },
        {
          title: 'Instances that are stuck',
          description: 'They wait for an operator, by workflow and state.',
          unit: 'short',
          queries: [
            [counted('workflow, state', 'holdfast_workflows{condition="stuck"}'), '{{workflow}} {{state}}'],
          ],
        },
        {
          title: 'Transitions a second',
          description: 'Fired, done and failed, by workflow.',
          unit: 'ops',
          queries: [
            [perSecond('workflow, event', 'holdfast_workflow_events_total'), '{{workflow}} {{event}}'],
          ],
        },
        {
          title: 'Transitions that failed, a second',
          description: 'By workflow and transition.',
          unit: 'ops',
          queries: [
            [
              perSecond('workflow, transition', 'holdfast_workflow_events_total{event="failed"}'),
              '{{workflow}} {{transition}}',
            ],
          ],
        },
      ],
    },
  },
  {
    file: 'sync.json',
    title: 'Holdfast: sync pipelines',
    description:
      'What flows through the stages, where their time goes, what is downloaded, and what repositories contain.',
    rows: {
      Pipelines: [
        {
          title: 'Items a second',
          description: 'What each stage gave.',
          unit: 'ops',
          queries: [
            [perSecond('pipeline, stage', 'holdfast_pipeline_items_total'), '{{pipeline}} {{stage}}'],
          ],
        },
        {
          title: 'Working stages',
          description:
            'Share of its time that a stage works. The one nearest to 1 is what the others wait for.',
          unit: 'percentunit',
          queries: [
            [
              share(
                'pipeline, stage',
                'holdfast_pipeline_time_seconds_total{state="working"}',
                'holdfast_pipeline_time_seconds_total',
              ),
              '{{pipeline}} {{stage}}',
            ],
          ],
        },
        {
          title: 'Blocked stages',
          description: 'Share of its time that a stage waits for room in the next one.',
          unit: 'percentunit',
          queries: [
            [
              share(
                'pipeline, stage',
                'holdfast_pipeline_time_seconds_total{state="blocked"}',
                'holdfast_pipeline_time_seconds_total',
              ),
              '{{pipeline}} {{stage}}',
            ],
          ],
        },
      ],
      Content: [
        {
          title: 'Downloads ended a second',
          description: 'By result.',
          unit: 'ops',
          queries: [[perSecond('result', 'holdfast_downloads_ended_total'), '{{result}}']],
        },
        {
          title: 'Downloaded',
          description: 'Bytes a second of files that were verified.',
          unit: 'Bps',
          queries: [[`sum(${rate('holdfast_downloads_bytes_total')})`, 'bytes']],
        },
        {
          title: 'Contents of repositories',
          description: 'Of the newest version.',
          unit: 'short',
          queries: [[counted('repository', 'holdfast_repository_contents'), '{{repository}}']],
        },
      ],
    },
  },
];

export const queriesOf = ({ rows }: BoardText): readonly (readonly [title: string, expression: string])[] =>
  Object.values(rows)
    .flat()
    .flatMap(({ title, queries }) => queries.map(([expression]) => [title, expression] as const));
