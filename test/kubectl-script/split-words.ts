/** Cuts a command line into words as a shell does: spaces separate, quotes keep together. No expansion of anything. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  const pattern = /\s*((?:[^\s'"]|'[^']*'|"[^"]*")+)/gy;
  for (let match = pattern.exec(line); match !== null; match = pattern.exec(line)) {
    words.push((match[1] ?? '').replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
    if (pattern.lastIndex === line.trimEnd().length) return words;
  }
  if (line.trim() === '') return words;
  throw new Error(`a quote is not closed in: ${line}`);
}
