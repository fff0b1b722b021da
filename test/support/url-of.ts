/** The same server or servers, another database. */
export const urlOf = (serverUrl: string, database: string): string =>
  serverUrl.replace(/^([^/]*\/\/[^/?]*)(\/[^?]*)?/, `$1/${database}`);
