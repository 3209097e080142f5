import t from 'tap';
import { Terminal } from '../../../cli/terminal.js';
import type { OutputFormat } from '../../../cli/terminal.js';

function show(format: OutputFormat): { out: string; err: string } {
  const shown = { out: '', err: '' };
  const terminal = new Terminal({
    format,
    colours: false,
    out: (text) => (shown.out += text),
    err: (text) => (shown.err += text),
  });
  terminal.line('working');
  terminal.result({ ok: true }, () => {
    terminal.line('all is well');
  });
  return shown;
}

void t.test('a script gets the result alone, and progress beside it', (t) => {
  const { out, err } = show('json');
  t.strictSame(JSON.parse(out), { ok: true });
  t.equal(err, 'working\n');
  t.end();
});

void t.test('a person gets lines and no JSON', (t) => {
  t.strictSame(show('text'), { out: 'working\nall is well\n', err: '' });
  t.end();
});
