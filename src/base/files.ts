/** For `catch` behind reading a file or a folder: what to take when it is not there. Any other error stays one. */
export const ifAbsent =
  <T>(value: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
