"""Russian: what `traktir doctor` finds."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "{what} lies in {folder}.": "{what} лежит в {folder}.",
    "Doctor": "Проверка",
    "Looking …": "Смотрю …",
    "wrong: {problems} · worth knowing: {notes}": "неисправно: {problems} · стоит знать: {notes}",
    "The check did not come to an end. In a shell: traktir doctor":
        "Проверка не дошла до конца. Из командной строки: traktir doctor",
    "look again": "проверить снова",
    "What is wrong with this terminal and installation, and what to do.":
        "Что не так с терминалом и установкой и что делать.",
    "Nothing is wrong. Lines with -- are worth knowing: {n}": "Всё исправно. Строк с --, о которых стоит знать: {n}",
    "Something is wrong; what to do stands with it: {n}": "Есть неисправности; что делать, сказано при каждой: {n}",
    # living
    (
        "logind.conf says KillUserProcesses=yes: logging out ends the core, and a reply that is being written stops"
        " there. Start Traktir outside of the session, once lingering is on:"
    ): (
        "В logind.conf стоит KillUserProcesses=yes: при выходе из системы ядро завершается, и недописанный ответ"
        " обрывается. Включите lingering и запускайте Traktir вне сеанса:"
    ),
    (
        "Lingering is off and this runs below your systemd user manager, which ends with your last session: the core"
        " ends with it. To keep it:"
    ): (
        "Lingering выключен, а программа работает под вашим менеджером systemd, который завершается с последним"
        " сеансом, и ядро вместе с ним. Чтобы оно осталось:"
    ),
    "The core goes on after you log out.": "После выхода из системы ядро работает дальше.",
    (
        "systemd-oomd ends whole groups of processes when memory runs short (with signal 9): a model that hardly fits"
        " takes the core with it. Take a smaller model or context, and give the core a group of its own:"
    ): (
        "systemd-oomd при нехватке памяти завершает целые группы процессов (сигналом 9): модель, которая едва"
        " помещается, утянет с собой и ядро. Возьмите модель или контекст поменьше и дайте ядру свою группу:"
    ),
    (
        "{name} ends the largest process when memory runs short (with signal 9), which is the engine with its model."
        " Take a smaller model or context (F4)."
    ): (
        "{name} при нехватке памяти завершает самый большой процесс (сигналом 9), а это движок с моделью. Возьмите"
        " модель или контекст поменьше (F4)."
    ),
    (
        "This container may use {mb} MB of memory; a process that wants more is ended with signal 9. Take a model that"
        " is smaller than that (F4)."
    ): (
        "Этому контейнеру можно занять {mb} МБ памяти; процесс, которому нужно больше, завершают сигналом 9. Возьмите"
        " модель меньше этого (F4)."
    ),
    (
        "This container may run {n} processes and threads at a time; an engine with many threads cannot start. Fewer"
        " threads: threads: 2 in the backend of the profile."
    ): (
        "В этом контейнере может быть {n} процессов и потоков сразу; движок со многими потоками не запустится."
        " Поставьте поменьше: threads: 2 в разделе backend профиля."
    ),
    (
        "The system has ended {n} processes of this container for lack of memory (signal 9). Take a smaller model or"
        " context (F4)."
    ): (
        "Система завершила процессов этого контейнера из-за нехватки памяти: {n} (сигнал 9). Возьмите модель или"
        " контекст поменьше (F4)."
    ),
    "{mb} MB of memory are left.": "Памяти свободно: {mb} МБ.",
    "{mb} MB of memory are left: enough for a chat with a server, hardly for a model here. What takes it:":
        "Памяти свободно: {mb} МБ. Для разговора с сервером хватит, для модели здесь — едва ли. Что её занимает:",
    (
        "Android ends processes in the background (“Process completed (signal 9)”): the phantom process killer. What"
        " was written is kept. It is switched off in the developer options (“Disable child process restrictions”), or"
        " from a computer with:"
    ): (
        "Android завершает процессы в фоне («Process completed (signal 9)»): это phantom process killer. Написанное"
        " сохраняется. Выключается он в параметрах разработчика («Отключить ограничения для дочерних процессов») или с"
        " компьютера:"
    ),
    (
        "When the screen goes dark, Android lets programs sleep, and a reply may stop with the network. Keep Termux"
        " awake while you talk:"
    ): (
        "Когда экран гаснет, Android усыпляет программы, и ответ может прерваться вместе с сетью. Не давайте Termux"
        " уснуть, пока разговариваете:"
    ),
    "Models on the phone itself run in llama-server, which Termux has ready-made; then /connect localhost:8080.":
        "Модели на самом телефоне работают в llama-server, он есть в Termux готовым; затем /connect localhost:8080.",
    # screen
    "This is not a terminal; what follows goes by the variables alone.":
        "Это не терминал; дальнейшее судится только по переменным.",
    "{columns} columns, {lines} lines: room for little. Make the window larger or the letters smaller.":
        "Столбцов: {columns}, строк: {lines} — места мало. Увеличьте окно или уменьшите буквы.",
    (
        "TERM is {term}: programs take this for a terminal without colours, keys and a screen. If it is an ordinary"
        " one:"
    ): "TERM — {term}: программы примут это за терминал без цветов, клавиш и экрана. Если он обычный:",
    "NO_COLOR is set: everything is drawn without colours.": "Задана NO_COLOR: всё рисуется без цветов.",
    "All colours (COLORTERM is {kind}).": "Все цвета (COLORTERM — {kind}).",
    "Sixteen colours; the theme keeps to them.": "Шестнадцать цветов; тема ими и обходится.",
    (
        "ssh does not pass COLORTERM on, so the theme keeps to the terminal's own sixteen colours. If it has all of"
        " them:"
    ): "ssh не передаёт COLORTERM, поэтому тема обходится шестнадцатью цветами терминала. Если у него есть все:",
    "COLORTERM is not set, so the theme keeps to the terminal's own sixteen colours. If it has all of them:":
        "COLORTERM не задана, поэтому тема обходится шестнадцатью цветами терминала. Если у него есть все:",
    "The letters are UTF-8.": "Буквы в UTF-8.",
    (
        "The locale ({locale}) is not UTF-8. Traktir writes UTF-8 all the same, but tmux, screen, ssh and editors may"
        " show Russian letters as underscores or question marks."
    ): (
        "Локаль ({locale}) — не UTF-8. Traktir всё равно пишет в UTF-8, но tmux, screen, ssh и редакторы могут"
        " показывать вместо русских букв подчёркивания или вопросительные знаки."
    ),
    (
        "TEXTUAL_DISABLE_KITTY_KEY is set: Shift+Enter cannot be told from Enter. Ctrl+J and Alt+Enter begin a new line"
        " everywhere."
    ): (
        "Задана TEXTUAL_DISABLE_KITTY_KEY: Shift+Enter не отличить от Enter. Новую строку везде начинают Ctrl+J и"
        " Alt+Enter."
    ),
    (
        "Shortcuts work in the Russian layout too. Should a terminal with the kitty protocol send some that do not:"
        " export TEXTUAL_DISABLE_KITTY_KEY=1 (Ctrl+J is then the new line)."
    ): (
        "Сочетания клавиш работают и в русской раскладке. Если терминал с протоколом kitty шлёт такие, что не работают:"
        " export TEXTUAL_DISABLE_KITTY_KEY=1 (новая строка тогда — Ctrl+J)."
    ),
    (
        "The row of extra keys is set in termux.properties. Without Esc: Ctrl+C stops a reply, ☰ and / open"
        " everything."
    ): (
        "Ряд дополнительных клавиш задан в termux.properties. Без Esc: Ctrl+C останавливает ответ, а всё"
        " остальное открывают ☰ и /."
    ),
    (
        "The keyboard of a phone has no Esc, Tab, arrows or F2. Nothing needs them (☰ and / open everything, Ctrl+C"
        " stops a reply), but a row of extra keys is handy:"
    ): (
        "На клавиатуре телефона нет Esc, Tab, стрелок и F2. Без них можно обойтись (☰ и / открывают всё, Ctrl+C"
        " останавливает ответ), но ряд дополнительных клавиш удобен:"
    ),
    "The mouse is off, so that a tap opens the keyboard; /mouse switches it on.":
        "Мышь выключена, чтобы касание открывало клавиатуру; включает её /mouse.",
    "The mouse is switched off by your preferences.": "Мышь выключена в ваших настройках.",
    (
        "The mouse is used; Shift and drag (Option in iTerm2) selects text as without it, and traktir --no-mouse leaves"
        " it to the terminal."
    ): (
        "Мышь включена; с Shift (в iTerm2 — Option) текст выделяется как без неё, а traktir --no-mouse оставляет её"
        " терминалу."
    ),
    "The terminal of VS Code may report the mouse in pixels and miss what is clicked. If it does:":
        "Терминал VS Code порой сообщает о мыши в пикселях, и щелчки попадают мимо. Если так:",
    "Traktir draws no pictures, so whatever this terminal can do with them is fine.":
        "Traktir не рисует картинок, так что всё равно, умеет ли их терминал.",
    "Over ssh: fewer frames a second. If the line drops, the reply goes on; start traktir again and it is there.":
        "По ssh: меньше кадров в секунду. Если связь оборвётся, ответ допишется; запустите traktir снова, и он там.",
    (
        "This mosh ({version}) is older than 1.4: 24-bit colours come out wrong, and copying by OSC 52 may not arrive."
        " Let the theme keep to sixteen colours:"
    ): (
        "Этот mosh ({version}) старше 1.4: 24-битные цвета искажаются, а копирование через OSC 52 может не дойти. Пусть"
        " тема обходится шестнадцатью цветами:"
    ),
    "Over mosh {version}: it draws the screen by itself, and passes on the clipboard.":
        "Через mosh {version}: он рисует экран сам и передаёт буфер обмена.",
    # multiplexers
    "TMUX is set, but no tmux answers: the variable is left over from another shell.":
        "Переменная TMUX задана, но tmux не отвечает: она осталась от другой оболочки.",
    "tmux holds Esc back for {ms} ms. Ctrl+C stops a reply at once; for a quick Esc:":
        "tmux придерживает Esc на {ms} мс. Ctrl+C останавливает ответ сразу; чтобы и Esc был быстрым:",
    (
        "tmux does not tell Shift+Enter from Enter (extended-keys is {setting}). Ctrl+J and Alt+Enter begin a new line"
        " everywhere."
    ): (
        "tmux не отличает Shift+Enter от Enter (extended-keys — {setting}). Новую строку везде начинают Ctrl+J и"
        " Alt+Enter."
    ),
    "tmux does not say when its window loses the focus; nothing in Traktir needs it, editors do.":
        "tmux не сообщает, когда его окно теряет фокус; Трактиру это не нужно, а редакторам нужно.",
    "tmux keeps the mouse to itself: taps and the wheel do not reach Traktir.":
        "tmux оставляет мышь себе: касания и колесо до Трактира не доходят.",
    (
        "Inside tmux TERM should be tmux-256color or screen-256color, and is {term}: keys and colours may be taken for"
        " others."
    ): (
        "Внутри tmux переменная TERM должна быть tmux-256color или screen-256color, а она {term}: клавиши и цвета могут"
        " быть приняты за другие."
    ),
    "tmux takes the terminal outside ({term}) for one without 24-bit colours and rounds them. If it has them:":
        "tmux считает, что у внешнего терминала ({term}) нет 24-битных цветов, и округляет их. Если они есть:",
    (
        "tmux {version} cannot pass a copy on to the terminal outside (load-buffer -w, from 3.2 on); what is copied"
        " stays in tmux, and prefix ] puts it in."
    ): (
        "tmux {version} не умеет передавать скопированное внешнему терминалу (load-buffer -w, с версии 3.2); оно"
        " остаётся в tmux, вставляется через prefix ]."
    ),
    (
        "set-clipboard is off: what is copied stays in tmux (prefix ] puts it in) and does not reach the terminal"
        " outside."
    ): (
        "set-clipboard выключен: скопированное остаётся в tmux (вставляется через prefix ]) и до внешнего терминала не"
        " доходит."
    ),
    "tmux does not know that the terminal outside ({term}) takes copies (OSC 52). If it does:":
        "tmux не знает, что внешний терминал ({term}) принимает скопированное (OSC 52). Если принимает:",
    (
        "Copying goes through tmux to the terminal outside (load-buffer -w; set-clipboard is {setting},"
        " allow-passthrough is {through} and not needed)."
    ): (
        "Копирование идёт через tmux во внешний терминал (load-buffer -w; set-clipboard — {setting},"
        " allow-passthrough — {through} и не нужен)."
    ),
    (
        "tmux {version} does not pass on whole frames (synchronised output, from 3.5 on), so the screen may flicker."
        " Fewer frames help: frame_rate = 15 in client.toml."
    ): (
        "tmux {version} не передаёт кадры целиком (synchronised output, с версии 3.5), поэтому экран может мерцать."
        " Помогает меньше кадров: frame_rate = 15 в client.toml."
    ),
    "GNU screen holds Esc back and waits for more. Ctrl+C stops a reply at once; for a quick Esc:":
        "GNU screen придерживает Esc и ждёт продолжения. Ctrl+C останавливает ответ сразу; чтобы и Esc был быстрым:",
    (
        "GNU screen passes a copy on if it is short and the terminal outside takes OSC 52; long ones are lost on the"
        " way. tmux passes them all on. The whole chat can be had with:"
    ): (
        "GNU screen передаёт скопированное, если оно короткое и внешний терминал принимает OSC 52; длинное по дороге"
        " теряется. tmux передаёт всё. Весь чат даст команда:"
    ),
    "GNU screen before 5.0 has no 24-bit colours and rounds them or drops them. Let the theme keep to sixteen:":
        "У GNU screen до 5.0 нет 24-битных цветов, он округляет их или теряет. Пусть тема обходится шестнадцатью:",
    "Where GNU screen shows Russian letters as question marks, it was started without UTF-8:":
        "Если GNU screen показывает вместо русских букв вопросительные знаки, он запущен без UTF-8:",
    # copying
    "Copying goes through {tool}.": "Копирование идёт через {tool}.",
    (
        "A desktop is here, but no program that reaches its clipboard; copying falls back on the terminal's own way"
        " (OSC 52). To install one:"
    ): (
        "Рабочий стол есть, но нет программы, которая достаёт до его буфера обмена; копирование идёт через терминал"
        " (OSC 52). Установить такую:"
    ),
    (
        "Without the Termux:API app, copying goes through OSC 52, which takes up to 8,000 characters in Termux. For"
        " longer texts, install the app and:"
    ): (
        "Без приложения Termux:API копирование идёт через OSC 52, в Termux это до 8000 знаков. Для длинных текстов"
        " установите приложение и:"
    ),
    (
        "Terminal.app of macOS does not let programs use the clipboard (no OSC 52). What is copied is written to"
        " {file}; iTerm2, kitty or Ghostty take it."
    ): (
        "Terminal.app в macOS не даёт программам буфер обмена (нет OSC 52). Скопированное пишется в {file}; iTerm2,"
        " kitty и Ghostty его принимают."
    ),
    (
        "Copying goes through the terminal (OSC 52). Should nothing arrive, allow programs to use the clipboard in the"
        " terminal's settings; Terminal.app of macOS cannot (no OSC 52)."
    ): (
        "Копирование идёт через терминал (OSC 52). Если ничего не доходит, разрешите программам буфер обмена в"
        " настройках терминала; Terminal.app в macOS этого не умеет (нет OSC 52)."
    ),
    # storage
    "{folder} cannot be made: {file} is a file.": "Папку {folder} не создать: {file} — это файл.",
    (
        "{folder} cannot be written to, so nothing can be kept there. Give Traktir another place, or write access to"
        " {nearest}:"
    ): (
        "В {folder} нельзя писать, поэтому там ничего не сохранить. Дайте Трактиру другое место или доступ к {nearest}:"
    ),
    (
        "The chats lie on shared storage ({folder}), which has no locks and no rights: they can be damaged there. Keep"
        " them in Termux's own home, and export to the card."
    ): (
        "Чаты лежат в общем хранилище ({folder}), где нет ни блокировок, ни прав: там они могут повредиться. Держите их"
        " в домашней папке Termux, а на карту делайте экспорт."
    ),
    (
        "The chats lie on a network file system ({kind}). Only one computer at a time may use them; they are safer on a"
        " disk of this one:"
    ): (
        "Чаты лежат в сетевой файловой системе ({kind}). Ими может пользоваться только один компьютер сразу; на своём"
        " диске им надёжнее:"
    ),
    (
        "The file system of {folder} refuses locks. Traktir makes do with lock files; never run it on two computers at"
        " once there."
    ): (
        "Файловая система в {folder} отказывает в блокировках. Traktir обходится файлами-замками; не запускайте его там"
        " на двух компьютерах сразу."
    ),
    "{mb} MB are free where the chats lie; soon nothing more can be kept. The largest files there:":
        "Там, где лежат чаты, свободно {mb} МБ; скоро сохранять будет некуда. Самые большие файлы там:",
    "{mb} MB are free where the chats lie. The largest files there:":
        "Там, где лежат чаты, свободно {mb} МБ. Самые большие файлы там:",
    "{mb} MB are free where the chats lie.": "Там, где лежат чаты, свободно {mb} МБ.",
    "Other users can write to {folder}: they could replace your chats.":
        "В {folder} могут писать другие пользователи: они могли бы подменить ваши чаты.",
    "Other users can read your chats in {folder}.": "Ваши чаты в {folder} могут читать другие пользователи.",
    "Nobody else can read your chats.": "Кроме вас, ваши чаты не прочтёт никто.",
    (
        "The clock says {date}. Certificates of servers will be refused, and new messages sort before old ones. Set it:"
    ): (
        "На часах {date}. Сертификаты серверов будут отвергнуты, а новые сообщения окажутся раньше старых. Поставьте"
        " часы:"
    ),
    "Files of Traktir are dated {date}, which is still to come: the clock was wrong then, or is now ({now}).":
        "Файлы Трактира помечены временем {date}, которое ещё не наступило: часы врали тогда или врут сейчас ({now}).",
    "TMPDIR names {folder}, where nothing can be written; the core's socket must lie there.":
        "TMPDIR указывает на {folder}, где нельзя писать, а там должен лежать сокет ядра.",
    "TMPDIR is too long a path for a socket ({n} bytes; {most} are possible), so the core's lies in {folder}.":
        "Путь в TMPDIR слишком длинный для сокета ({n} байт, можно {most}), поэтому сокет ядра лежит в {folder}.",
    (
        "Nothing can be executed from {folder} (noexec): compiling the engine there fails. To install it, use another"
        " folder:"
    ): (
        "Из {folder} ничего нельзя запустить (noexec): движок там не соберётся. Для установки возьмите другую папку:"
    ),
    (
        "A core ended without putting its socket away ({file}): it was killed, or the machine went down. What it had"
        " written is kept; the next start clears up."
    ): (
        "Ядро завершилось, не убрав за собой сокет ({file}): его убили, или машина отключилась. Написанное сохранено;"
        " следующий запуск всё уберёт."
    ),
    (
        "Traktir on another computer, {host}, has the chats open, or was cut off while it had. Stop it there. If it no"
        " longer runs:"
    ): (
        "Чаты открыты в Трактире на другом компьютере, {host}, или он оборвался, когда они были открыты. Остановите его"
        " там. Если он уже не работает:"
    ),
    "There is no backup of the chats yet; the core makes one a day while it runs. One now:":
        "Резервной копии чатов ещё нет; ядро делает по одной в день, пока работает. Сделать сейчас:",
    "The last verified backup of the chats is {days} days old.":
        "Последней проверенной копии чатов дней: {days}.",
    "The last verified backup of the chats is of {date}.": "Последняя проверенная копия чатов — от {date}.",
    # installation
    "Python {python} is too old: Traktir needs 3.11 or newer.": "Python {python} слишком стар: нужен 3.11 или новее.",
    "The processor has no AVX2, which ready-made builds of the engine need: compile it on this machine.":
        "У процессора нет AVX2, а он нужен готовым сборкам движка: соберите движок на этой машине.",
    "The installed engine was built for a newer processor and cannot run on this one; compile it here:":
        "Установленный движок собран для более нового процессора и на этом не работает; соберите его здесь:",
    "The installed engine cannot be loaded; compile it anew on this machine:":
        "Установленный движок не загружается; соберите его на этой машине заново:",
    "This build of llama.cpp can use a GPU.": "Эта сборка llama.cpp умеет работать на GPU.",
    (
        "The installed llama.cpp was built without AVX2, which this processor has; compiled here it is several"
        " times faster:"
    ): (
        "Установленная llama.cpp собрана без AVX2, а у процессора он есть; собранная здесь, она в несколько раз"
        " быстрее:"
    ),
    "The processor has no AVX2: prompts are read slowly. A smaller model, or a server elsewhere, helps.":
        "У процессора нет AVX2: промпты читаются медленно. Поможет модель поменьше или сервер в другом месте.",
    "{name} is set; NO_PROXY ({bypassed}) leaves out what is near.":
        "Задана {name}; NO_PROXY ({bypassed}) исключает то, что рядом.",
    (
        "{name} is set: Traktir asks this machine (127.0.0.1) without the proxy all the same, but a server elsewhere in"
        " the house through it, which fails. Other programs need 127.0.0.1 there too:"
    ): (
        "Задана {name}: к этой машине (127.0.0.1) Traktir всё равно обращается без прокси, а к серверу в домашней сети"
        " — через него, и это не выйдет. Другим программам там нужен и 127.0.0.1:"
    ),
    # the command line
    "The output cannot be written ({reason}).": "Вывод не записать ({reason}).",
    "Send it somewhere with room.": "Направьте его туда, где есть место.",
    # core
    "The profile in use wants the engine, which is not installed. Install it, or connect to a server in the terminal:":
        "Нынешнему профилю нужен движок, а он не установлен. Установите его или подключите сервер в терминале:",
    (
        "The core that runs is of another build than the program on the disk. It is replaced when a terminal is opened;"
        " or end it now:"
    ): (
        "Работает ядро другой сборки, чем программа на диске. Оно сменится, когда откроется терминал; завершить сейчас:"
    ),
}
