/** Image references: `[registry[:port]/]path[:tag][@digest]`. Pure. */

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const domainPart = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const domain = `(?:${domainPart}(?:\\.${domainPart})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const pattern = new RegExp(
  `^(?<name>(?:${domain}/)?${component}(?:/${component})*)(?::(?<tag>\\w[\\w.-]{0,127}))?` +
    `(?:@(?<digest>[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`,
);

/** The reference with `:latest` where neither tag nor digest is given; undefined when it cannot be one. */
export function withDefaultTag(image: string): string | undefined {
  const groups = pattern.exec(image)?.groups;
  if (groups === undefined) return undefined;
  return groups['tag'] === undefined && groups['digest'] === undefined ? `${image}:latest` : image;
}

/** `host[:port]` of the registry that the image comes from; undefined when it cannot be a reference. */
export function registryOf(image: string): string | undefined {
  const name = pattern.exec(image)?.groups?.['name'];
  if (name === undefined) return undefined;
  const [first = '', ...rest] = name.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost ? first : 'docker.io';
}

/** Kubernetes' default: what is tagged `latest` is always pulled. */
export function defaultPullPolicy(image: string): 'Always' | 'IfNotPresent' {
  return withDefaultTag(image)?.endsWith(':latest') === true ? 'Always' : 'IfNotPresent';
}
