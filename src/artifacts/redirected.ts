import { DownloadError, type DownloadPlace } from './errors.ts';
import { checkUrl, shownUrl } from './urls.ts';

/** Where a Location header leads, without a user and password. Throws DownloadError for where nobody should go. */
export function redirected(from: URL, location: string, place: DownloadPlace): URL {
  const to = URL.parse(location, from);
  if (!to || (to.protocol !== 'http:' && to.protocol !== 'https:'))
    throw new DownloadError(place, 'redirect', 'it redirects to what is no HTTP URL');
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw new DownloadError(place, 'redirect', `it redirects from https to ${shownUrl(to)}`);
  return checkUrl('location', to).url;
}
