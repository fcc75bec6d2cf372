/**
 * Where an asset is sent: the `upload_url` of a release, with the asset's name. The token goes there too, so
 * it has to be the API's host, or the one that uploads go to beside it: `uploads.X` for `api.X`.
 *
 * @throws Error where it is any other
 */
export function uploadUrl(template: string, apiUrl: string, name: string): string {
  const api = new URL(apiUrl);
  const text = template.replace(/\{[^{}]*\}$/, '');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const hosts = [
    api.host,
    ...(api.host.startsWith('api.') ? [`uploads.${api.host.slice('api.'.length)}`] : []),
  ];
  if (
    url === undefined ||
    url.protocol !== api.protocol ||
    !hosts.includes(url.host) ||
    url.username !== ''
  ) {
    throw new Error(
      `GitHub wants assets at ${JSON.stringify(url?.host ?? text.slice(0, 100))}, where the token is not sent: check apiUrl, ${apiUrl}`,
    );
  }
  return `${url.origin}${url.pathname}?name=${encodeURIComponent(name)}`;
}
