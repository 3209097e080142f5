/** The order of versions in discovery: v2 before v1 before v1beta2 before v1alpha1, and others by name after them. */

const form = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const stabilities = ['alpha', 'beta', undefined];

export function compareVersions(a: string, b: string): number {
  const left = form.exec(a);
  const right = form.exec(b);
  if (left === null || right === null) {
    if (left === null && right === null) return a < b ? -1 : a > b ? 1 : 0;
    return left === null ? 1 : -1;
  }
  const [, major, stability, minor] = left;
  const [, otherMajor, otherStability, otherMinor] = right;
  return (
    stabilities.indexOf(otherStability) - stabilities.indexOf(stability) ||
    Number(otherMajor) - Number(major) ||
    Number(otherMinor ?? 0) - Number(minor ?? 0)
  );
}
