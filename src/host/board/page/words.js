// What the page says, in Korean and English. The language is the visitor's last choice, else the first of the browser's that there is.

const WORDS = {
  ko: {
    skip: "설비로 건너뛰기", language: "언어", equipment: "설비", summary: "상태별 설비 수, 누르면 그 상태만 표시",
    find: "설비 찾기", stripLegend: "띠: 최근 10분", devices: "장치 세션", guided: "안내 세션", topics: "토픽", server: "서버",
    noDevices: "기록 중인 장치가 없습니다", noGuided: "안내 세션이 없습니다", noTopics: "토픽이 없습니다",
    noEquipment: "등록된 설비가 없습니다", noneMatch: "해당하는 설비가 없습니다", waitingForData: "데이터를 기다리는 중",
    running: "가동", idle: "비가동", stopped: "정지", fault: "설비이상", disconnected: "접속이상",
    last: (state) => `마지막: ${state}`, machines: (n) => `${n}대`, all: "전체",
    since: (time) => `${time}부터`, before: (time) => `${time} 이전부터`, atLeast: (span) => `${span}+`, heard: (time) => `마지막 수신 ${time}`, dayTime: (month, day, time) => `${month}. ${day}. ${time}`,
    connecting: "연결하는 중", live: "실시간", delayed: "데이터가 오지 않음", closed: "연결 종료",
    again: (n, of) => `연결 끊김, 다시 연결하는 중 (${n}/${of})`, lost: (s) => `연결 끊김, ${s}초마다 다시 시도`,
    sourceLost: "서버가 설비 데이터의 출처와 연결이 끊겼습니다. 값이 오래되었을 수 있습니다.",
    auto: "자동", light: "밝게", dark: "어둡게", theme: (now) => `화면 밝기: ${now}`,
    samples: (n) => `샘플 ${n}`, more: (n) => `${n}개 더 보기`, fewer: "줄여 보기", ago: (time) => `${time} 전 값`, noSamples: "샘플을 기다리는 중",
    active: "기록 중", completed: "완료", auto_ended: "자동 종료", timeout: "시간 초과", cut: "연결 끊김", stopped_server: "서버 멈춤", interrupted: "중단됨", ended_by_host: "서버가 종료",
    ended: "종료", paused: "일시정지", in_progress: "진행 중", waiting: "대기", participating: "참여 중", away: "나감",
    participants: (here, all) => `참가자 ${here}/${all}`, instructor: "강사", student: "학생", steps: (n, of) => `${of}단계 중 ${n}단계 완료`,
    step: (n, of) => `${n}/${of}단계`, doneBy: (n) => `${n}명 완료`, current: "현재 단계", help: (name, step) => `${name} 도움 요청 (${step})`,
    dismiss: "확인", control: "제어하기", release: "제어 그만하기", start: "시작", startStep: (title) => `${title} 시작`, pause: "일시정지", resume: "재개", end: "끝내기",
    endSure: "정말 끝내기", cancel: "취소", controlling: "제어 연결 중", refused: (why) => `거절됨: ${why}`, notSent: "연결되지 않아 보내지 못했습니다",
    clients: (n) => `구독 ${n}`, keys: (n) => `키 ${n}개`, noValue: "아직 값 없음", large: "목록에 싣기에는 큼",
    connections: "연결", messagesIn: "받은 메시지", published: "발행", bytesIn: "받은 데이터", bytesOut: "보낸 데이터",
    answer: "응답 시간", slow: "느린 구독자가 건너뜀", drops: "버림·거절", waitingOut: "보낼 데이터 대기", records: "기록", recordsWaiting: "기록 대기", uptime: "가동 시간",
    perSecond: (n) => `${n}/초`, inAll: (n) => `누적 ${n}`, open: (n) => `WebSocket ${n}`, yes: "예", no: "아니요",
    newsFault: (names) => `설비이상: ${names}`, newsStopped: (names) => `정지: ${names}`, newsGray: (names) => `접속이상: ${names}`, andMore: (n) => ` 외 ${n}대`,
    second: (n) => `${n}초`, minute: (n) => `${n}분`, hour: (h, m) => `${h}시간 ${m}분`, day: (d, h) => `${d}일 ${h}시간`,
  },
  en: {
    skip: "Skip to the equipment", language: "Language", equipment: "Equipment", summary: "Equipment by state; press to show only that state",
    find: "Find equipment", stripLegend: "Strips: last 10 minutes", devices: "Device sessions", guided: "Guided sessions", topics: "Topics", server: "Server",
    noDevices: "No device is recording", noGuided: "No guided session", noTopics: "No topics",
    noEquipment: "No equipment is declared", noneMatch: "No equipment matches", waitingForData: "Waiting for data",
    running: "Running", idle: "Idle", stopped: "Stopped", fault: "Fault", disconnected: "Disconnected",
    last: (state) => `Last: ${state}`, machines: (n) => `${n}`, all: "All",
    since: (time) => `since ${time}`, before: (time) => `since before ${time}`, atLeast: (span) => `${span}+`, heard: (time) => `last heard ${time}`, dayTime: (month, day, time) => `${month}/${day}, ${time}`,
    connecting: "Connecting", live: "Live", delayed: "No data is coming", closed: "Closed",
    again: (n, of) => `Connection lost, trying again (${n}/${of})`, lost: (s) => `Connection lost, trying every ${s} s`,
    sourceLost: "The server has lost the source of the equipment's data. What is shown may be old.",
    auto: "Auto", light: "Light", dark: "Dark", theme: (now) => `Appearance: ${now}`,
    samples: (n) => `${n} samples`, more: (n) => `${n} more`, fewer: "Fewer", ago: (time) => `${time} old`, noSamples: "Waiting for samples",
    active: "Recording", completed: "Completed", auto_ended: "Ended by the next", timeout: "Timed out", cut: "Connection lost", stopped_server: "Server stopped", interrupted: "Interrupted", ended_by_host: "Ended by the server",
    ended: "Ended", paused: "Paused", in_progress: "In progress", waiting: "Waiting", participating: "Active", away: "Away",
    participants: (here, all) => `${here} of ${all} here`, instructor: "Instructor", student: "Student", steps: (n, of) => `${n} of ${of} steps done`,
    step: (n, of) => `Step ${n} of ${of}`, doneBy: (n) => `${n} done`, current: "Current step", help: (name, step) => `${name} asks for help (${step})`,
    dismiss: "Seen", control: "Take control", release: "Release control", start: "Start", startStep: (title) => `Start ${title}`, pause: "Pause", resume: "Resume", end: "End",
    endSure: "End for everyone", cancel: "Cancel", controlling: "Connecting", refused: (why) => `Refused: ${why}`, notSent: "Not sent, since there is no connection",
    clients: (n) => `${n} listening`, keys: (n) => `${n} keys`, noValue: "no value yet", large: "too large for this list",
    connections: "Connections", messagesIn: "Messages received", published: "Published", bytesIn: "Data received", bytesOut: "Data sent",
    answer: "Answer time", slow: "Skipped for slow clients", drops: "Dropped or refused", waitingOut: "Waiting to be sent", records: "Recorded", recordsWaiting: "Waiting to be recorded", uptime: "Up for",
    perSecond: (n) => `${n}/s`, inAll: (n) => `${n} in all`, open: (n) => `${n} WebSockets`, yes: "yes", no: "no",
    newsFault: (names) => `Fault: ${names}`, newsStopped: (names) => `Stopped: ${names}`, newsGray: (names) => `Disconnected: ${names}`, andMore: (n) => ` and ${n} more`,
    second: (n) => `${n} s`, minute: (n) => `${n} min`, hour: (h, m) => `${h} h ${m} min`, day: (d, h) => `${d} d ${h} h`,
  },
};

const KEY = "andon-language";
const listeners = [];
let language;

function first() {
  const wished = [remembered(KEY), ...navigator.languages];
  return wished.map((one) => one?.slice(0, 2)).find((one) => one in WORDS) ?? "en";
}

/** A visitor's choice. A browser may forbid keeping any. */
export function remembered(key) {
  try { return localStorage.getItem(key); } catch { return null; }
}

export function remember(key, value) {
  try { localStorage.setItem(key, value); } catch { /* It holds for this visit. */ }
}

export const languageNow = () => language;

/** Says everything in this language from now on. */
export function speak(wanted = first()) {
  language = wanted;
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = say(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-label]")) node.ariaLabel = say(node.dataset.tLabel);
  for (const node of document.querySelectorAll("[data-t-hint]")) node.placeholder = say(node.dataset.tHint);
  for (const tell of listeners) tell();
}

/** The visitor has chosen. */
export function choose(wanted) {
  remember(KEY, wanted);
  speak(wanted);
}

/** What is to be said anew in another language. */
export const onlanguage = (tell) => listeners.push(tell);

/** A word or sentence; what has no translation says itself. */
export function say(key, ...values) {
  const said = WORDS[language][key] ?? key;
  return typeof said === "function" ? said(...values) : said;
}

// Both languages write times of day and numbers alike. They are written by hand, because a browser's first format takes longer to make than all tiles.

const two = (number) => String(number).padStart(2, "0");

/** A number with so many digits behind the point at most. */
function numberOf(value, digits) {
  const text = Math.abs(value).toFixed(digits);
  // Too large for digits.
  if (text.includes("e")) return String(value);
  const [whole, part = ""] = text.split(".");
  const behind = part.replace(/0+$/, "");
  const written = whole.replace(/\B(?=(\d{3})+$)/g, ",") + (behind && `.${behind}`);
  return value < 0 && written !== "0" ? `-${written}` : written;
}

/** A time of day, with its day if that is not today. */
export function timeOf(ms) {
  const at = new Date(ms);
  const minute = `${two(at.getHours())}:${two(at.getMinutes())}`;
  const far = Math.abs(Date.now() - ms) > 20 * 3_600_000;
  return far ? say("dayTime", at.getMonth() + 1, at.getDate(), minute) : `${minute}:${two(at.getSeconds())}`;
}

/** A span in the one or two units that matter. */
export function spanOf(ms) {
  const s = Math.max(0, Math.floor(ms / 1000)), m = Math.floor(s / 60), h = Math.floor(m / 60);
  if (s < 60) return say("second", s);
  if (m < 60) return say("minute", m);
  if (h < 24) return say("hour", h, m % 60);
  return say("day", Math.floor(h / 24), h % 24);
}

export const countOf = (value) => numberOf(value, 0);

export function bytesOf(value) {
  const units = ["B", "KB", "MB", "GB"];
  const unit = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  const scaled = value / 1000 ** unit;
  return `${unit && scaled < 100 ? scaled.toFixed(1) : Math.round(scaled)} ${units[unit]}`;
}

/** A value of a tag or of data: never longer than it is worth. */
export function valueOf(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "number") return numberOf(value, Math.abs(value) < 1 ? 4 : 2);
  if (typeof value === "boolean") return say(value ? "yes" : "no");
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
