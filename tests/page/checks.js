// Runs in the page and gives what is wrong with it for people who cannot see it, cannot see it well, or have no mouse: a list of texts.
(() => {
  const problems = [];
  const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const title = (element) => {
    const text = element.textContent.trim().replace(/\s+/g, ' ').slice(0, 50);
    return `<${element.nodeName.toLowerCase()}${element.id ? '#' + element.id : ''}${element.className && typeof element.className === 'string' ? '.' + element.className.split(' ')[0] : ''}> "${text}"`;
  };

  // ------------------------------------------------------------------------------------------------- names and structure

  const nameOf = (element) => {
    const labelled = element.getAttribute('aria-labelledby');
    if (labelled) return labelled.split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim();
    if (element.getAttribute('aria-label')) return element.getAttribute('aria-label').trim();
    if (element.labels?.length) return [...element.labels].map((label) => label.textContent).join(' ').trim();
    return element.textContent.trim() || element.getAttribute('title') || '';
  };

  for (const element of document.querySelectorAll('a[href], button, input, select, textarea, [role=switch], [role=slider], [tabindex="0"]'))
    if (isShown(element) && !nameOf(element)) problems.push(`${title(element)} has no name`);
  for (const element of document.querySelectorAll('[role=progressbar], [role=region], nav, dialog'))
    if (isShown(element) && !nameOf(element)) problems.push(`${title(element)} has no name`);

  const headings = [...document.querySelectorAll('h1, h2, h3, h4')].filter(isShown);
  if (headings.filter((heading) => heading.nodeName === 'H1').length !== 1) problems.push('there is not exactly one h1');
  headings.reduce((before, heading) => {
    const level = Number(heading.nodeName[1]);
    if (level > before + 1) problems.push(`${title(heading)} leaves out a level of headings`);
    return level;
  }, 0);

  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) problems.push(`the id ${id} is there twice`);
  for (const landmark of ['header', 'nav', 'main']) if (document.querySelectorAll(`body > ${landmark}`).length !== 1) problems.push(`there is not exactly one ${landmark}`);
  if (!document.documentElement.lang) problems.push('the page does not say its language');
  if (!document.title) problems.push('the page has no title');
  if (!document.querySelector('[aria-live]')) problems.push('nothing is announced');

  for (const table of document.querySelectorAll('table')) {
    if (!table.caption?.textContent) problems.push('a table has no caption');
    for (const header of table.querySelectorAll('thead th')) if (header.scope !== 'col' || !header.textContent.trim()) problems.push('a column has no name');
    for (const row of table.querySelectorAll('tbody tr')) if (!row.querySelector('th[scope]')) problems.push('a row has no name');
  }
  for (const svg of document.querySelectorAll('svg')) if (!svg.getAttribute('aria-hidden') && !svg.getAttribute('aria-label')) problems.push('a drawing has neither a name nor is it hidden');
  for (const element of document.querySelectorAll('[tabindex]')) if (element.tabIndex > 0) problems.push(`${title(element)} changes the order of the keyboard`);
  for (const status of document.querySelectorAll('.mark')) if (!status.textContent.trim() || !status.querySelector('svg')) problems.push('a status has no word or no shape');

  // ------------------------------------------------------------------------------------------------------------ contrast

  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const parsed = new Map();
  const rgba = (color) => {
    if (!parsed.has(color)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      parsed.set(color, [r, g, b, a / 255]);
    }
    return parsed.get(color);
  };
  const over = ([r, g, b, a], [r2, g2, b2]) => [r * a + r2 * (1 - a), g * a + g2 * (1 - a), b * a + b2 * (1 - a), 1];
  const light = (color) => {
    const [r, g, b] = color.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y);
    return (bright + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255, 1]);
  };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.nodeValue.trim() || seen.has(element) || !isShown(element) || element.closest('.unseen, .skip, noscript, :disabled')) continue;
    seen.add(element);
    const style = getComputedStyle(element);
    const isDrawn = element instanceof SVGElement;
    const ratio = contrast(over(rgba(isDrawn ? style.fill : style.color), behind(element)), behind(element));
    const isLarge = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) problems.push(`${title(element)} has a contrast of ${ratio.toFixed(2)}`);
  }
  for (const part of document.querySelectorAll('.mark svg > *, .line-train, .line-validation, .switch-track, select, textarea, .main button:enabled')) {
    const style = getComputedStyle(part);
    const color = !(part instanceof SVGElement) ? style.borderTopColor : style.stroke !== 'none' ? style.stroke : style.fill;
    const ratio = contrast(over(rgba(color), behind(part)), behind(part.parentElement));
    if (ratio < 3) problems.push(`${title(part)}, drawn, has a contrast of ${ratio.toFixed(2)}`);
  }

  // --------------------------------------------------------------------------------------------------------------- sizes

  for (const control of document.querySelectorAll('button, select, input, textarea, nav a')) {
    const { width, height } = control.getBoundingClientRect();
    if (isShown(control) && !control.closest('.segments, .voice, .key-scale') && (width < 24 || height < 24)) problems.push(`${title(control)} is ${Math.round(width)} by ${Math.round(height)}: too small to hit`);
  }
  if (document.documentElement.scrollWidth > innerWidth) problems.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
  return problems;
})()
