/** Which API all programs speak, and who speaks it. */
export const apiMajor = '1';
export const apiMinor = '35';
export const gitVersion = 'v1.35.0+knarr';

/** Body of /version. */
export function versionInfo() {
  return {
    major: apiMajor,
    minor: apiMinor,
    gitVersion,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: `node ${process.versions.node}`,
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
