/** The two documents that the server sends; everything else in them is made by the script, as text. */

const head = (title: string) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/app.css">`;

export const SHELL = `${head('Holdfast console')}
<script type="module" src="/assets/app.js"></script>
</head>
<body>
<div id="app"><noscript><p class="lone">The console needs JavaScript. "holdfast explain TARGET" says the same at a shell.</p></noscript></div>
</body>
</html>
`;

export const loginPage = (next: string, problem?: string) => `${head('Holdfast console: log in')}
</head>
<body>
<main class="login">
<h1>Holdfast console</h1>
${problem === undefined ? '' : `<p class="failure" role="alert">${escaped(problem)}</p>`}
<form method="post" action="/login">
<input type="hidden" name="next" value="${escaped(next)}">
<label>Token <input name="token" type="password" autocomplete="current-password" required autofocus></label>
<button type="submit">Log in</button>
</form>
</main>
</body>
</html>
`;

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
