"""The words and spellings by which languages in Latin script are told apart.

The words are the commonest ones. What an apostrophe cuts off stands with it: `l'eau` is read as `l'` and `eau`.
Neighbours are there so that they are not taken for a language that can be asked for: Catalan is not Spanish. Those
that need not be told from each other stand together: `cs` is Slovak too, `hr` Slovenian and `lt` Latvian.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Spellings(NamedTuple):
    """What words of a language look like: the ends and the letters that few other languages have."""

    ends: tuple[str, ...]
    within: tuple[str, ...]


_WORDS = {
    "en": """
        must nobody somebody anybody none another same part place way times only own right left next around again
        cannot the of and to in is that it was for on are as with his they at be this have from or had by but not
        what all were we when your can there an a which their if will each about how up out them then she many some
        so these would other into has her him could than been who its now did you i my he do does no me yes please
        here where why our us just like get got make see know go come came went take want need may might should
        shall more most also over after before because while through between both every any such very much well back
        too still even never always often today tomorrow yesterday good great new old big small long little hello hi
        dear thanks thank sorry morning evening night day days week year time people one two three four five six
        seven eight nine ten it' don' isn' i' that' can' let' what' there' you' we' they' he' she' didn' doesn' won'
        water world house home work life help love best sun sea sky light away during until since without am near
        under those being made first last let bring open close late let's off down
    """,
    "de": """
        darf dürfen niemand jemand einige folgende folgenden selbst selber teil ort mal weise bleiben bleibt steht
        liegt ins ans der die das und in zu den ist von mit des auf für nicht ein eine einen einem einer eines als
        auch es an werden aus er hat dass sie nach wird bei um noch wie über so zum war haben nur oder aber vor zur
        bis mehr durch man sein wurde sind wenn kann ich du wir ihr mir dir mich dich uns im am vom beim was wer wo
        ja nein hier bitte warum dem sich doch mein meine meinen meiner dein deine deiner seine seiner ihre ihren
        unser unsere kein keine keinen denn weil ob damit dann jetzt heute morgen gestern immer nie oft sehr schon
        wieder ganz ganzen gut gute guten viel viele alle alles jede jeder jeden jedes diese dieser dieses diesen
        etwas nichts mag möchte muss müssen soll will wollen können könnte würde gibt geht gehen kommt komme kommen
        macht machen sehen weiß hallo danke liebe lieber tag tage nacht abend woche jahr zeit menschen leben welt
        haus wasser licht sonne meer zwei drei vier fünf sechs sieben acht neun zehn uhr gegen ohne unter zwischen
        seit während erst bin bist seid hatte waren worden welche welcher wann später groß große großen klein kleine
        neu neue alt alte lange los eben also da dort zusammen bald leider brauchen braucht
    """,
    "fr": """
        doit doivent aucun aucune quelqu' certains certaines suivant suivante même mêmes partie lieu fois seul
        seulement soit ni déjà le la les de des du et un une est en que qui dans pour pas sur au aux avec ce ces cet
        cette il elle ils elles nous vous je tu ne se son sa ses leur leurs par plus ou où mais sont été être avoir
        fait comme tout tous toute toutes très bien aussi sans peut si mon ma mes ton ta tes notre nos votre vos on
        y ai as es suis êtes sommes avons avez ont oui non moi toi lui ici quoi l' d' j' n' c' s' m' t' qu' jusqu'
        lorsqu' puisqu' aujourd' hui car donc puis alors quand chez vers entre sous après avant pendant depuis
        encore toujours jamais souvent bonjour bonsoir merci salut désolé demain hier matin soir nuit jour jours
        journée semaine heure heures temps an ans année monde vie homme gens maison eau soleil mer grand grande
        petit petite bon bonne beau belle nouveau chaque rien peu beaucoup trop autre autres deux trois quatre cinq
        six sept huit neuf dix va vais vont faire dire voir aller veux voudrais peux était étaient sera faut plaît
        cela ça dont quel quelle quelques comment pourquoi parce afin près bientôt pardon excuse aime vient
    """,
    "es": """
        debe deben debes dónde aunque nadie alguien ningún ninguna alguna algunos siguiente mismo misma parte lugar
        manera vez veces el la los las de del que y en un una es por con para no se lo le su sus al como más pero
        este esta estos estas ese esa eso esto entre cuando muy sin sobre también me te hasta hay donde quien quién
        desde todo toda todos todas nos nosotros durante uno unos unas les ni contra otro otra otros otras fue era
        son soy eres somos está están estoy estaba ser estar tiene tienen tengo tenemos yo tú él ella ellos ellas
        usted ustedes mi mis tu tus nuestro nuestra nuestros sí qué cómo cuál porque si o u a he ha han había hacer
        hace hacen puede puedo pueden quiero quiere voy va van ir ver bien mal mucho mucha muchos muchas poco
        siempre nunca ya aún hoy ayer mañana noche día días tarde semana año años hora horas tiempo vida mundo casa
        agua sol mar gente hombre mujer niños bueno buena buenos buenas gran grande pequeño nuevo nueva cada hola
        gracias perdón favor aquí allí así luego después antes ahora mientras según hacia tan tanto dos tres cuatro
        cinco seis siete ocho nueve diez gusta encanta cerca algo nada solo sólo señor señora
    """,
    "it": """
        deve devono nessuno nessuna qualcuno alcuni alcune seguente stesso stessa parte luogo modo volta volte solo
        quando il lo la i gli le di del della dei delle dello degli che e è ed un una uno in per con non si da dal
        dalla dai al alla ai alle allo agli nel nella nei nelle negli sul sulla sui come più ma anche sono sei siamo
        siete era erano ha ho hai hanno abbiamo questo questa questi queste quello quella quelli suo sua suoi loro
        io tu lui lei noi voi mi ti ci vi ne se o dove chi cosa perché l' c' d' un' dell' all' nell' sull' dall'
        quest' sì tra fra molto molta molti molte tutto tutta tutti tutte ogni mio mia miei mie tuo tua nostro
        nostra nostri vostro essere avere fare fa fanno va vado vanno vedere può posso possono vorrei voglio vuole
        sta stanno sto qui qua lì già mai sempre ancora oggi ieri domani mattina sera notte giorno giorni settimana
        anno anni ora ore tempo vita mondo casa acqua sole mare gente uomo donna bambini buono buona buon buongiorno
        buonasera bene benissimo bello bella grande piccolo nuovo nuova ciao grazie scusa prego favore poi prima
        dopo adesso mentre così tanto tanti poco senza sotto sopra verso vicino due tre quattro cinque sette otto
        nove dieci piace amo cui quale quanto presto insieme fino niente nulla
    """,
    "pt": """
        deve devem ninguém alguém nenhum nenhuma alguma alguns seguinte mesmo mesma parte lugar maneira vez vezes
        esses essas estes estas o a os as de do da dos das que e é em no na nos nas um uma uns umas num numa para
        por pelo pela pelos com não se mais como mas ao à aos às seu sua seus suas este esta isso isto esse essa ele
        ela eles elas eu tu você vocês nós me te lhe foi são ser sou somos está estão estou estava tem têm tenho
        temos também muito muita muitos quando onde quem qual já só ou entre até sem sobre depois antes porque sim
        meu minha meus minhas nosso nossa teu tua todo toda todos todas tudo cada outro outra outros ter fazer faz
        fazem pode posso podem quero quer vou vai vão ir ver bem mal pouco sempre nunca ainda hoje ontem amanhã
        manhã noite dia dias tarde semana ano anos hora horas tempo vida mundo casa água sol mar gente pessoas homem
        mulher crianças bom boa grande pequeno novo nova olá obrigado obrigada desculpe favor aqui ali assim agora
        enquanto embora desde tão tanto dois duas três quatro cinco seis sete oito nove dez gosto gosta perto algo
        nada havia era eram há seja senhor senhora
    """,
    "nl": """
        mogen niemand iemand enkele volgende zelf deel plaats keer manier blijft staat ligt alleen de het een en van
        in is dat die te op voor met zijn niet aan er om ook als dan maar bij of uit nog naar door over ze hij zij
        ik je jij jou jouw we wij u uw ons onze hun haar mijn zo wat wie waar hoe waarom wel geen worden wordt werd
        kan kun kunnen heeft hebben heb hebt had was waren ben bent deze dit daar hier tot al meer moet moeten veel
        ja nee mag wil willen zal zullen zou gaan gaat ga komt kom komen doe doet doen maakt maken zien weet want
        omdat dus toen nu vandaag morgen gisteren altijd nooit vaak heel erg weer alle alles elke elk iedereen iets
        niets goed goede goedemorgen dag dagen nacht avond week jaar tijd mensen leven wereld huis water licht zon
        zee twee drie vier vijf zes zeven acht negen tien uur tegen zonder onder tussen sinds tijdens eerst pas
        hallo dank bedankt alsjeblieft alstublieft sorry graag lieve beste groot grote klein kleine nieuw nieuwe oud
        mooi mooie lang samen later nodig hou houdt elkaar even mee
    """,
    "ca": """
        ha d' haver cal algun alguna alguns següent mateix mateixa part lloc manera vegada vegades cada deu el la
        els les de del dels que i en un una uns unes és per amb no es se li seu seva seus com més però aquest
        aquesta aquests això quan molt sense sobre també fins hi on qui des tot tota tots totes ens jo tu ell ella
        nosaltres vosaltres meu meva meus teu teva nostre nostra sí què si o a al als l' m' s' n' t' són era està
        estan soc ser estar té tinc tenim fa fan pot puc poden vull va van vaig anar veure bé molta molts sempre mai
        ja avui ahir demà matí nit dia dies tarda setmana any anys hora hores temps vida món casa aigua sol mar gent
        bon bona gran petit nou hola gràcies perdó plau aquí així després abans ara mentre cap tan dos dues tres
        quatre cinc sis set vuit ni perquè aquestes ho
    """,
    "gl": """
        debe deben ningún ningunha algunha seguinte mesmo mesma parte lugar vez veces estes estas ese esa non o a os
        as de do da dos das que e é en no na nos nas un unha uns unhas nun nunha para por polo pola con se máis como
        pero ao á aos ás seu súa este esta isto iso ela eles eu ti vostede nós me te lle foi son ser está están
        ten teñen teño tamén moito moita moitos cando onde quen xa só ou entre ata sen sobre despois porque si meu
        miña todo toda todos outra outro facer fai poden pode hoxe onte mañá noite día días tarde semana ano anos
        tempo vida mundo casa auga sol mar xente bo boa grande grazas aquí así agora desde tan dous dúas tres catro
        cinco seis sete oito nove dez hai
    """,
    "ro": """
        și de la în un o cu pe nu este sunt că se a al ale ai mai din pentru care ce sau dar ca fi fost are au am eu
        tu el ea noi voi ei ele îmi îți îi mea meu ta sa lui lor acest această aceste acum foarte bine cum unde când
        prin după fără până între trebuie poate dacă toate tot fiecare astăzi mâine zi zile an ani
    """,
    "da": """
        og i at det er en et den til på som med for af ikke de der har jeg var han hun vi du kan skal vil men om fra
        eller så når ved ud op hvad hvor hvem min din sin mig dig os jer dem denne dette blev være blive meget også
        efter kun alle her nu bliver ingen noget nogle dag år god godt tak hej mere end siden selv
    """,
    "no": """
        og i at det er en et den til på som med for av ikke de der har jeg var han hun vi du kan skal vil men om fra
        eller så når ved ut opp hva hvor hvem min din sin meg deg oss dere dem denne dette ble være bli veldig også
        etter bare alle her nå blir ingen noe noen dag år god godt takk hei mer enn siden selv eit ein ikkje eg dei
        frå vere berre òg kva korleis
    """,
    "sv": """
        och i att det är en ett den till på som med för av inte de har jag var han hon vi du kan ska vill men om
        från eller så när vid ut upp vad vem min din sin mig dig oss er dem denna detta blev vara bli mycket också
        efter bara alla här nu blir ingen något några dag år god bra tack hej mer än sedan själv skulle
    """,
    "af": """
        die en van in is dat wat te op vir met nie aan om ook as dan maar by of uit nog na deur oor hulle hy sy ek
        jy ons hom haar my jou so wie waar hoe hoekom geen word kan het was hierdie daardie daar hier tot al meer
        moet baie ja nee sal wees gebruik 'n
        dae nag tyd mense lewe wêreld vyf ses sewe agt nege goeie gister altyd nuwe lank toe wees tik dieselfde asb
        asseblief dankie saam vandag
    """,
    "eo": """
        la de en kaj estas al por ne ke mi vi li ŝi ĝi ni ili kun sur el pri sed aŭ se tiu tio ĉi kiu kio pli povas
        devas ĉiu sen ĝis post antaŭ nur ankaŭ tre bona jam estis havas
    """,
    "la": """
        et in est non ad cum ex sed qui quae quod ut ab de per si sunt esse erat hic haec hoc ipsum dolor sit amet
        omnis omnia enim autem nec atque aut quam eius deus deum lorem magna
    """,
    "pl": """
        i w na z do nie się że to jest o jak za od po dla przez ale czy co tak ten ta te są był była może jego jej
        ich tym tego już tylko lub oraz przy być
    """,
    "cs": """
        a v na je se že to s z do o k ve za po pro od jako ale by byl být nebo tak jsou není musí pokud tento tato
        toto jen při sa nie sú byť alebo pre táto ktorý který které
    """,
    "hr": """
        i je u na se da za su od s o ne kao što koji koja koje ali ili nije biti može ovaj ova ovo sve samo iz po do
        in ni ki pa so bo ste
    """,
    "hu": """
        a az és hogy nem is egy van meg ez de csak vagy már még ki mi volt lesz kell ha sem kérjük el le fel be
    """,
    "fi": """
        ja on ei se että oli hän mutta kun joka tai ovat ole kuin myös niin jos voi tämä tämän olla mitä sinun
    """,
    "et": """
        ja on ei see et oli ta aga kui mis või kes ka ning seda oma pole peab palun olema selle
    """,
    "tr": """
        ve bir bu da de için ile çok daha ama ne gibi var olarak o en ki mi değil lütfen olan her veya
    """,
    "id": """
        yang dan di ini itu dengan untuk tidak dari pada dalam adalah anda akan ke oleh atau bisa ada juga telah
        harus nama satu
    """,
    "ga": """
        an na is a ar le go ní do agus ag sé sí leis chun nó níl bhí tá atá sa san seo sin as faoi gur mar ach raibh
    """,
    "cy": """
        y yr a i o yn ar am ac mae ei eu oes nid wedi gan hwn hon hyn bod chi eich neu rhaid wrth fod sydd
    """,
    "lt": """
        ir yra kad į su ne iš tai ar kaip buvo bet jis ji šis šio nėra būti gali jūsų un ka par no uz nav ja lai
        jūsu vai
    """,
    "sq": """
        të e në dhe është një me për nga që si nuk ka do po kjo ky u se janë ose duhet
    """,
    "sw": """
        na ya wa kwa ni katika la za hii huu hiyo yako kuwa au lazima haiwezi
    """,
}

_SPELLINGS = {
    "en": Spellings(("ing", "ly", "ness", "ght", "tion", "ed"), ("th", "wh", "sh", "ck")),
    "de": Spellings(
        ("ung", "ungen", "lich", "liche", "lichen", "keit", "heit", "isch"), ("sch", "ä", "ö", "ü", "tz", "pf")
    ),
    "fr": Spellings(
        ("eux", "euse", "ment", "tion", "tions", "ait", "aient", "ez", "eau", "eaux", "ée", "ées", "és", "ons", "elle"),
        ("œ", "è", "ê", "û", "î", "ô", "ç"),
    ),
    "es": Spellings(
        ("ción", "ciones", "dad", "amos", "emos", "imos", "mente", "ado", "ada", "ando", "iendo", "ía", "ón", "dor"),
        ("ñ", "á", "é", "í", "ó", "ú"),
    ),
    "it": Spellings(
        (
            "zione", "zioni", "mente", "iamo", "ità", "issimo", "issima", "etto", "etta", "ato", "are", "ere", "ire",
            "ano", "ono", "à", "ò", "ù",
        ),
        ("cch", "zz", "gli", "ggi", "cci", "tti", "tto", "tta"),
    ),
    "pt": Spellings(
        ("ção", "ções", "dade", "amos", "emos", "imos", "mente", "ado", "ada", "ando", "endo", "ão", "ões", "am", "em"),
        ("ã", "õ", "lh", "nh", "ç", "ê", "â", "á", "é", "í", "ó", "ú"),
    ),
    "nl": Spellings(("lijk", "lijke", "heid", "tje", "tjes", "isch"), ("ij", "aa", "uu", "sch", "cht")),
    "ca": Spellings(
        ("ció", "cions", "tat", "ment", "ats", "ades", "em"),
        ("l·l", "ny", "ç", "è", "à", "ò", "é", "í", "ó", "ú", "tg", "ix"),
    ),
    "gl": Spellings(
        ("ción", "cións", "dade", "amos", "emos", "mente", "ado", "ada", "ando", "ón"),
        ("ñ", "nh", "x", "á", "é", "í", "ó", "ú"),
    ),
    "ro": Spellings(("ul", "ului", "ea", "are"), ("ă", "ț", "ș", "â", "î")),
    "da": Spellings(("erne", "else"), ("ø", "å", "æ")),
    "no": Spellings(("ene", "else", "het"), ("ø", "å", "æ", "kj")),
    "sv": Spellings(("arna", "ning", "het"), ("å", "ä", "ö", "ck")),
    "af": Spellings(("lik", "heid", "tjie"), ("aa", "uu", "ê", "ë")),
    "eo": Spellings(("oj", "ojn", "aj", "ajn"), ("ĉ", "ĝ", "ĵ", "ŝ", "ŭ")),
    "la": Spellings(("us", "um", "tur", "unt", "orum"), ()),
    "pl": Spellings(("ych", "ego", "nie", "ść"), ("ł", "ą", "ę", "ś", "ż", "ź", "ć", "sz", "cz", "rz")),
    "cs": Spellings(("ní", "ost"), ("ř", "ů", "ě", "č", "š", "ž", "ý")),
    "hr": Spellings(("nje", "ski"), ("č", "š", "ž", "đ", "ć")),
    "hu": Spellings(
        ("ság", "ség", "nak", "nek", "ban", "ben"), ("ő", "ű", "gy", "sz", "cs", "á", "é", "ó", "í", "ö", "ü")
    ),
    "fi": Spellings(("nen", "ssa", "sta", "lla"), ("ä", "ö", "yy", "aa", "ii", "uu", "kk")),
    "et": Spellings(("mine", "tud"), ("õ", "ä", "ö", "ü", "aa", "ii")),
    "tr": Spellings(("lar", "ler", "dır", "yor"), ("ş", "ğ", "ı", "ç", "ö", "ü")),
    "id": Spellings(("kan", "nya"), ()),
    "ga": Spellings(("adh", "idh", "ann"), ("bh", "mh", "dh", "á", "é", "í", "ó", "ú")),
    "cy": Spellings(("iad", "odd"), ("dd", "wy", "ŵ", "ŷ")),
    "lt": Spellings(("as", "us", "os"), ("ė", "ų", "į", "š", "ž", "ā", "ē", "ī", "ņ", "ļ")),
    "sq": Spellings(("ve", "imi"), ("ë", "xh")),
    "sw": Spellings((), ("mw", "kw")),
}  # fmt: skip

ASKED_FOR = ("en", "de", "fr", "es", "it", "pt", "nl")
"""The languages that a question can ask for; all others are there to be told from them."""

WORDS: Mapping[str, frozenset[str]] = {code: frozenset(words.casefold().split()) for code, words in _WORDS.items()}
"""The commonest words of each language, folded."""

SPELLINGS: Mapping[str, Spellings] = _SPELLINGS
"""The telling spellings of each language."""
