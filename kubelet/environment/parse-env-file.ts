/**
 * Variables in a file, as `fileKeyRef` reads them: lines `NAME='value'`, a part of what a shell understands. A value is
 * taken as it stands, also over several lines; blank lines and comments are skipped. Pure.
 */

const blankOrComment = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y;
const assignment = /[ \t]*([A-Za-z_][A-Za-z0-9_]*)='([^']*)'[ \t]*(?:#[^\n]*)?(?:\n|$)/y;

/** Throws with the number of the line that is neither. */
export function parseEnvFile(text: string): Map<string, string> {
  const variables = new Map<string, string>();
  const normal = text.replaceAll('\r\n', '\n');
  for (let at = 0; at < normal.length;) {
    blankOrComment.lastIndex = at;
    assignment.lastIndex = at;
    if (blankOrComment.test(normal)) {
      at = blankOrComment.lastIndex;
      continue;
    }
    const found = assignment.exec(normal);
    if (found === null) {
      const line = normal.slice(0, at).split('\n').length;
      throw new Error(`line ${line} is not of the form NAME='value'`);
    }
    const [whole, name = '', value = ''] = found;
    variables.set(name, value);
    at += whole.length;
  }
  return variables;
}
