/**
 * The colours and letters of a plot. The hues are those of Okabe and Ito, which the colour-blind tell apart; each has a
 * contrast of 3:1 or more to its ground. Who prefers a dark screen gets the dark palette; both paint a ground of their
 * own, so that a page of any colour may hold the picture. Plain CSS without variables: not only browsers draw SVG.
 */
interface Palette {
  readonly ground: string;
  readonly ink: string;
  readonly dim: string;
  readonly grid: string;
  readonly axis: string;
  /** By the class of a curve. */
  readonly curves: Readonly<Record<string, string>>;
  readonly held: string;
}

const light: Palette = {
  ground: '#ffffff',
  ink: '#1f2328',
  dim: '#57606a',
  grid: '#e6e9ed',
  axis: '#8c959f',
  held: '#9fd0ee',
  curves: {
    limit: '#0072b2',
    queued: '#b86e00',
    ready: '#007a5a',
    failed: '#c0392b',
    pressure: '#a3467f',
    throughput: '#0072b2',
    most: '#57606a',
  },
};

const dark: Palette = {
  ground: '#0d1117',
  ink: '#e6edf3',
  dim: '#9da7b3',
  grid: '#262c36',
  axis: '#6e7681',
  held: '#1f4b6e',
  curves: {
    limit: '#79c0ff',
    queued: '#e69f00',
    ready: '#2fbf90',
    failed: '#ff7b72',
    pressure: '#e08fbf',
    throughput: '#79c0ff',
    most: '#9da7b3',
  },
};

function rules(palette: Palette): string {
  const { ground, ink, dim, grid, axis, held, curves } = palette;
  return [
    `.ground{fill:${ground}}text{fill:${dim}}.title,.chart,.panel{fill:${ink}}`,
    `.grid{stroke:${grid}}.axis{stroke:${axis}}.held{fill:${held}}`,
    ...Object.entries(curves).map(([name, colour]) => `.${name}{stroke:${colour}}`),
  ].join('');
}

export const plotStyle = [
  'text{font:11px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}',
  '.title{font-size:18px;font-weight:600}.chart{font-size:14px;font-weight:600}',
  '.panel{font-size:12px;font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}',
  '.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}',
  '.failed{stroke-dasharray:5 3}.most{stroke-dasharray:2 3}',
  rules(light),
  `@media(prefers-color-scheme:dark){${rules(dark)}}`,
].join('\n');
