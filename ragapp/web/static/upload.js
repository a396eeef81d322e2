// Sends files to the server, one after another, and tells the page which have arrived. What the
// page gets to know of a file is a token; the words to show stand on the drop zone, in the
// language of the moment.
(() => {
  const waiting = [];  // {file, kb, shown}
  let sending = false;

  const zone = () => document.querySelector('#drop .drop-zone');

  const list = () => {
    let rows = document.getElementById('sending');
    if (!rows) {
      rows = document.createElement('ul');
      rows.id = 'sending';
      rows.className = 'files';
      rows.setAttribute('aria-live', 'polite');
      document.getElementById('drop').after(rows);
    }
    return rows;
  };

  const addRow = (file) => {
    const row = document.createElement('li');
    const name = document.createElement('span');
    name.className = 'name';
    name.textContent = file.name;
    const state = document.createElement('span');
    state.className = 'note';
    state.textContent = zone().dataset.waiting;
    const bar = document.createElement('progress');
    bar.max = 1;
    bar.value = 0;
    row.append(name, bar, state);
    list().append(row);
    return { row, bar, state };
  };

  const fail = (shown, why) => {
    shown.row.classList.add('failed');
    shown.bar.remove();
    shown.state.textContent = zone().getAttribute(`data-${why}`) ?? zone().dataset.broken;
  };

  // By characters: half of one cannot be encoded, and neither can what some systems allow in names.
  const shownName = (file) =>
    encodeURIComponent([...file.name].slice(-200).join('').replace(/\p{Surrogate}/gu, '\ufffd'));

  const send = ({ file, shown }) => new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/upload');
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.setRequestHeader('x-file-name', shownName(file));
    request.responseType = 'json';
    shown.state.textContent = zone().dataset.sending;
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total) shown.bar.value = event.loaded / event.total;
    };
    request.onerror = () => done({ error: 'broken' });
    request.onload = () => {
      if (request.status === 401) location.reload();  // the session is over: to the login
      done(request.response ?? { error: 'broken' });
    };
    request.send(file);
  });

  const sendAll = async () => {
    if (sending) return;
    sending = true;
    let arrived = [];
    while (waiting.length) {
      const next = waiting.shift();
      const answer = next.file.size > Number(zone().dataset.limit)
        ? { error: 'too_large' } : await send(next).catch(() => ({ error: 'broken' }));
      if (answer.token) {
        arrived.push(answer.token);
        next.shown.row.remove();
      } else fail(next.shown, answer.error);
      const over = !waiting.length || waiting[0].kb !== next.kb || arrived.length === 100;
      if (arrived.length && over) {
        zone().dispatchEvent(new CustomEvent('files-sent', {
          bubbles: true, detail: { tokens: arrived, kb: next.kb },
        }));
        arrived = [];
      }
    }
    sending = false;
  };

  const take = (files) => {
    for (const old of list().querySelectorAll('.failed')) old.remove();
    const kb = document.querySelector('#kb input')?.value ?? '';
    for (const file of files) waiting.push({ file, kb, shown: addRow(file) });
    sendAll();
  };

  document.addEventListener('change', (event) => {
    if (!event.target.matches?.('#drop input[type=file]')) return;
    take([...event.target.files]);
    event.target.value = '';  // the same file may be chosen again
  });

  // The space bar opens a file input by itself, Enter does not in every browser.
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && event.target.matches?.('#drop input[type=file]')) {
      event.preventDefault();
      event.target.click();
    }
  });

  // A file dropped beside the zone must not replace the page.
  const carriesFiles = (event) => event.dataTransfer?.types.includes('Files');
  for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    document.addEventListener(kind, (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      const over = event.target.closest?.('#drop');
      const entering = kind === 'dragenter' || kind === 'dragover';
      zone()?.classList.toggle('over', Boolean(over) && entering);
      if (kind === 'drop' && over) take([...event.dataTransfer.files]);
      else if (kind !== 'drop') event.dataTransfer.dropEffect = over ? 'copy' : 'none';
    });
  }
})();
