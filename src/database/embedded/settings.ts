import type { Place } from './port.ts';

/**
 * Server settings, given on the command line so that a folder made by an older release gets them too.
 * Loopback only, modest memory, every transaction SERIALIZABLE unless it says otherwise.
 */
export function serverSettings({ host, port }: Place, durable: boolean): Record<string, string> {
  return {
    port: String(port),
    listen_addresses: host,
    unix_socket_directories: '',
    max_connections: '300',
    shared_buffers: '64MB',
    default_transaction_isolation: 'serializable',
    // Predicate locks spill to whole relations when memory for them is short, which fails innocent
    // transactions.
    max_pred_locks_per_transaction: '256',
    max_locks_per_transaction: '256',
    password_encryption: 'scram-sha-256',
    TimeZone: 'UTC',
    log_timezone: 'UTC',
    // No statement texts in the log; start, stop and crashes only.
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    wal_level: 'minimal',
    max_wal_senders: '0',
    io_method: 'sync',
    jit: 'off',
    ...(durable
      ? {}
      : {
          fsync: 'off',
          full_page_writes: 'off',
          synchronous_commit: 'off',
          max_wal_size: '4GB',
          checkpoint_timeout: '1h',
        }),
  };
}
