export const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

export function median(values) {
  const sorted = values.filter((v) => v !== undefined).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return undefined;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Three significant figures at least, no more decimals than that needs. */
export function show(value, unit = "") {
  if (value === undefined || value === null || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  const text = size >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(size >= 10 ? 1 : 2);
  return unit ? `${text} ${unit}` : text;
}

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
