"""Sentences and their translations, written by hand, phenomenon by phenomenon: what the grammar must say."""

PAIRS = {
    "gender": """
        the boy sleeps . = le garçon dort .
        the girl sleeps . = la fille dort .
        a queen laughs . = une reine rit .
        a king laughs . = un roi rit .
        this woman works . = cette femme travaille .
        this doctor works . = ce médecin travaille .
        the table is heavy . = la table est lourde .
        the bed is heavy . = le lit est lourd .
        the old horse runs . = le vieux cheval court .
        the old cow runs . = la vieille vache court .
    """,
    "number": """
        the boys sleep . = les garçons dorment .
        some horses run . = des chevaux courent .
        these newspapers are good . = ces journaux sont bons .
        the curtains are red . = les rideaux sont rouges .
        the owls sing . = les hiboux chantent .
        my sisters dance . = mes sœurs dansent .
        the happy teachers sing . = les professeurs heureux chantent .
        the mice are small . = les souris sont petites .
        paul and anna work . = paul et anna travaillent .
    """,
    "place of adjectives": """
        the small dog sleeps . = le petit chien dort .
        the white dog sleeps . = le chien blanc dort .
        the small white dog sleeps . = le petit chien blanc dort .
        a red car arrives . = une voiture rouge arrive .
        a new car arrives . = une voiture neuve arrive .
        the new hotel is old . = le nouvel hôtel est vieux .
        a beautiful bird sings . = un bel oiseau chante .
        an old man sings . = un vieil homme chante .
        some small dogs sleep . = de petits chiens dorment .
        some old oaks are big . = de vieux chênes sont grands .
        some black dogs sleep . = des chiens noirs dorment .
        the famous actress dances . = l' actrice célèbre danse .
    """,
    "negation": """
        the boy does not sleep . = le garçon ne dort pas .
        the boys don't sleep . = les garçons ne dorment pas .
        the child does not eat the apple . = l' enfant ne mange pas la pomme .
        he does not like anna . = il n' aime pas anna .
        she did not open the door . = elle n' a pas ouvert la porte .
        they have not sold the house . = ils n' ont pas vendu la maison .
        the soup is not cold . = la soupe n' est pas froide .
        we are not happy . = nous ne sommes pas heureux .
        he does not eat any meat . = il ne mange pas de viande .
        he does not eat an egg . = il ne mange pas d' œuf .
        mary never sings . = marie ne chante jamais .
        peter never arrived . = pierre n' est jamais arrivé .
        the teacher has not come . = le professeur n' est pas venu .
    """,
    "clitics": """
        she sees him . = elle le voit .
        he sees her . = il la voit .
        the girl sees them . = la fille les voit .
        we like her . = nous l' aimons .
        he likes it . = il l' aime .
        paul helps me . = paul m' aide .
        the king calls us . = le roi nous appelle .
        the nurse sees you . = l' infirmière vous voit .
        he does not see him . = il ne le voit pas .
        she does not like him . = elle ne l' aime pas .
        i saw her . = je l' ai vue .
        you have seen them . = vous les avez vus .
        the boy gives the book to her . = le garçon lui donne le livre .
        my aunt brings the letter to them . = ma tante leur apporte la lettre .
        did you see him ? = est-ce que vous l' avez vu ?
    """,
    "possession": """
        the teacher's book is old . = le livre du professeur est vieux .
        the girl's cat sleeps . = le chat de la fille dort .
        the uncle's dog runs . = le chien de l' oncle court .
        anna's dog runs . = le chien d' anna court .
        the teachers' books are old . = les livres des professeurs sont vieux .
        the car of the king is black . = la voiture du roi est noire .
        his sister sleeps . = sa sœur dort .
        her brother sleeps . = son frère dort .
        her suitcase is heavy . = sa valise est lourde .
        my friend arrives . = mon ami arrive .
        my umbrella is green . = mon parapluie est vert .
        their axe is heavy . = leur hache est lourde .
        your letters are long . = vos lettres sont longues .
        our story is short . = notre histoire est courte .
        we read my aunt's letters . = nous lisons les lettres de ma tante .
    """,
    "contraction": """
        he talks to the king . = il parle au roi .
        he talks to the kings . = il parle aux rois .
        he talks to the queen . = il parle à la reine .
        he talks to the actress . = il parle à l' actrice .
        he talks about the king . = il parle du roi .
        he talks about the kings . = il parle des rois .
        he talks about the queen . = il parle de la reine .
        he talks about anna . = il parle d' anna .
        the men sleep near the lake . = les hommes dorment près du lac .
        she stays near the old castles . = elle reste près des vieux châteaux .
        she stays near the hotel . = elle reste près de l' hôtel .
        we answered the question . = nous avons répondu à la question .
        they arrive in japan . = ils arrivent au japon .
    """,
    "elision": """
        the man talks to the hero . = l' homme parle au héros .
        the hero sees the man . = le héros voit l' homme .
        the heroine sees the hotel . = l' héroïne voit l' hôtel .
        i like the hedgehog . = j' aime le hérisson .
        this man sees the owl . = cet homme voit le hibou .
        this hero sings . = ce héros chante .
        she plays the harp . = elle joue de la harpe .
        the old hero sings . = le vieux héros chante .
        the beautiful child sings . = le bel enfant chante .
        the man's axe is heavy . = la hache de l' homme est lourde .
        the hero's dog runs . = le chien du héros court .
        eleven owls sing . = onze hiboux chantent .
        he does not see any owl . = il ne voit pas de hibou .
    """,
    "relative clauses": """
        the boy who sings sees the dog . = le garçon qui chante voit le chien .
        the dog that sleeps is old . = le chien qui dort est vieux .
        i see the girl that you like . = je vois la fille que vous aimez .
        i see the girl that he likes . = je vois la fille qu' il aime .
        the letter that the teacher wrote is long . = la lettre que le professeur a écrite est longue .
        the apples that she ate were good . = les pommes qu' elle a mangées étaient bonnes .
        the books that i bought are old . = les livres que j' ai achetés sont vieux .
        the woman who arrived knows the king . = la femme qui est arrivée connaît le roi .
        the man who does not work sleeps . = l' homme qui ne travaille pas dort .
        we help the queen who has lost the letter . = nous aidons la reine qui a perdu la lettre .
    """,
    "prepositions": """
        the dog sleeps in the house . = le chien dort dans la maison .
        the cat is on the table . = le chat est sur la table .
        the cat is under the chair . = le chat est sous la chaise .
        anna works in paris . = anna travaille à paris .
        anna works in spain . = anna travaille en espagne .
        anna works in portugal . = anna travaille au portugal .
        he works behind the school . = il travaille derrière l' école .
        the car is in front of the church . = la voiture est devant l' église .
        she dances with the king . = elle danse avec le roi .
        the key is under the old bed . = la clé est sous le vieux lit .
    """,
    "compound past": """
        the boy ate the cake . = le garçon a mangé le gâteau .
        the boy has eaten the cake . = le garçon a mangé le gâteau .
        the girl arrived . = la fille est arrivée .
        the girls arrived . = les filles sont arrivées .
        the boys have left . = les garçons sont partis .
        she fell . = elle est tombée .
        we stayed in rome . = nous sommes restés à rome .
        they entered the house . = ils sont entrés dans la maison .
        the queen entered the garden . = la reine est entrée dans le jardin .
        i drank some milk . = j' ai bu du lait .
        you won the race . = vous avez gagné la course .
        anna and mary came . = anna et marie sont venues .
        paul and mary came . = paul et marie sont venus .
        did they leave ? = est-ce qu' ils sont partis ?
    """,
    "questions": """
        does the dog sleep ? = est-ce que le chien dort ?
        does he sleep ? = est-ce qu' il dort ?
        did the girl eat the pear ? = est-ce que la fille a mangé la poire ?
        is the house old ? = est-ce que la maison est vieille ?
        are they famous ? = est-ce qu' ils sont célèbres ?
        who sees the king ? = qui voit le roi ?
        what does the girl see ? = qu' est-ce que la fille voit ?
        what did he buy ? = qu' est-ce qu' il a acheté ?
        why does the child laugh ? = pourquoi est-ce que l' enfant rit ?
        when did she arrive ? = quand est-ce qu' elle est arrivée ?
        have the men sold the boat ? = est-ce que les hommes ont vendu le bateau ?
    """,
    "numbers": """
        two dogs sleep . = deux chiens dorment .
        twenty one girls sing . = vingt et une filles chantent .
        twenty one boys sing . = vingt et un garçons chantent .
        seventy one cats sleep . = soixante et onze chats dorment .
        eighty men work . = quatre-vingts hommes travaillent .
        eighty one women work . = quatre-vingt une femmes travaillent .
        ninety nine birds sing . = quatre-vingt dix-neuf oiseaux chantent .
        two hundred horses run . = deux cents chevaux courent .
        two hundred and one cows run . = deux cent une vaches courent .
        one hundred and eleven kings laugh . = cent onze rois rient .
        the three nurses help him . = les trois infirmières l' aident .
    """,
    "words that another word decides": """
        the bank pays the baker . = la banque paie le boulanger .
        he draws the bank of the river . = il dessine la rive de la rivière .
        she draws the curtain . = elle tire le rideau .
        she draws the elephant . = elle dessine l' éléphant .
        we look at the leg of the dog . = nous regardons la patte du chien .
        we look at the leg of the girl . = nous regardons la jambe de la fille .
        we look at the leg of the table . = nous regardons le pied de la table .
        i see the trunk of the elephant . = je vois la trompe de l' éléphant .
        i see the trunk of the oak . = je vois le tronc du chêne .
        he lights a match . = il allume une allumette .
        he wins a match . = il gagne un match .
        the cow drinks from the spring . = la vache boit à la source .
        peter tightens the spring . = pierre serre le ressort .
        the bird sings in spring . = l' oiseau chante au printemps .
        she eats a nut . = elle mange une noix .
        she tightens a nut . = elle serre un écrou .
        he loses the key . = il perd la clé .
        he presses the key . = il appuie sur la touche .
        the bat flies . = la chauve-souris vole .
        the boy throws the bat . = le garçon lance la batte .
        anna turns on the light . = anna allume la lumière .
        the car waits at the light . = la voiture attend au feu .
        the suitcase is light . = la valise est légère .
        the kitchen is light . = la cuisine est claire .
        the exercise is hard . = l' exercice est difficile .
        the bed is hard . = le lit est dur .
        the horse is free . = le cheval est libre .
        the coffee is free . = le café est gratuit .
        the child is short . = l' enfant est petit .
        the poem is short . = le poème est court .
        the cat is sweet . = le chat est doux .
        the tea is sweet . = le thé est sucré .
        the cow is big . = la vache est grosse .
        the house is big . = la maison est grande .
        he plays the piano . = il joue du piano .
        he plays football . = il joue au football .
        he plays chess . = il joue aux échecs .
        he knows the king . = il connaît le roi .
        he knows that the king sleeps . = il sait que le roi dort .
        the train leaves . = le train part .
        he leaves the house . = il quitte la maison .
        he leaves the key on the table . = il laisse la clé sur la table .
        the woman runs . = la femme court .
        the woman runs the company . = la femme dirige l' entreprise .
        he misses the train . = il rate le train .
        he missed the match . = il a raté le match .
    """,
    "crossing": """
        the girl misses the teacher . = le professeur manque à la fille .
        the teacher misses the girl . = la fille manque au professeur .
        paul misses anna . = anna manque à paul .
        the boys miss the queens . = les reines manquent aux garçons .
        the king misses the boys . = les garçons manquent au roi .
        the actress misses the hero . = le héros manque à l' actrice .
        mary misses peter . = pierre manque à marie .
        my sister misses my brother . = mon frère manque à ma sœur .
    """,
    "long sentences": """
        there is a small dog in the garden . = il y a un petit chien dans le jardin .
        there is no dog in the garden . = il n' y a pas de chien dans le jardin .
        there are two cars in paris . = il y a deux voitures à paris .
        she says that he is tired . = elle dit qu' il est fatigué .
        he thinks that the girl does not like him . = il pense que la fille ne l' aime pas .
        the boy sings because he is happy . = le garçon chante parce qu' il est heureux .
        when the cat sleeps , the mice eat the cheese . = quand le chat dort , les souris mangent le fromage .
        she often reads the newspaper . = elle lit souvent le journal .
        every day , he buys some bread . = chaque jour , il achète du pain .
        yesterday , the women drank the milk . = hier , les femmes ont bu le lait .
        he gives some flowers to the actress . = il donne des fleurs à l' actrice .
        the queen showed the castle to the children . = la reine a montré le château aux enfants .
    """,
}


def pairs_of(phenomenon):
    """(English, French) of a phenomenon."""
    lines = PAIRS[phenomenon].strip().splitlines()
    return [tuple(side.strip() for side in line.split(" = ")) for line in lines]


# English, French, English place - French place for each aligned pair: read and checked one by one.
ALIGNMENTS = [
    ("the boy sleeps .", "le garçon dort .", "0-0 1-1 2-2 3-3"),
    ("the dog does not sleep .", "le chien ne dort pas .", "0-0 1-1 3-2 2-3 4-3 3-4 5-5"),
    ("he doesn't eat any meat .", "il ne mange pas de viande .", "0-0 2-1 1-2 3-2 2-3 4-4 5-5 6-6"),
    ("she has not seen him .", "elle ne l' a pas vu .", "0-0 2-1 4-2 1-3 2-4 3-5 5-6"),
    ("i saw her .", "je l' ai vue .", "0-0 2-1 1-2 1-3 3-4"),
    ("the teacher's book is old .", "le livre du professeur est vieux .", "2-0 3-1 0-2 2-2 1-3 4-4 5-5 6-6"),
    (
        "the book of the teacher is old .",
        "le livre du professeur est vieux .",
        "0-0 1-1 2-2 3-2 4-3 5-4 6-5 7-6",
    ),
    ("the boys' dog runs .", "le chien des garçons court .", "2-0 3-1 0-2 2-2 1-3 4-4 5-5"),
    ("he talks to the king .", "il parle au roi .", "0-0 1-1 2-2 3-2 4-3 5-4"),
    ("the small white dog sleeps .", "le petit chien blanc dort .", "0-0 1-1 3-2 2-3 4-4 5-5"),
    (
        "the letter that the teacher wrote is long .",
        "la lettre que le professeur a écrite est longue .",
        "0-0 1-1 2-2 3-3 4-4 5-5 5-6 6-7 7-8 8-9",
    ),
    ("the woman who arrived sings .", "la femme qui est arrivée chante .", "0-0 1-1 2-2 3-3 3-4 4-5 5-6"),
    ("the girls arrived .", "les filles sont arrivées .", "0-0 1-1 2-2 2-3 3-4"),
    ("does the dog sleep ?", "est-ce que le chien dort ?", "0-0 0-1 1-2 2-3 3-4 4-5"),
    ("what did he buy ?", "qu' est-ce qu' il a acheté ?", "0-0 1-1 1-2 2-3 3-4 3-5 4-6"),
    ("who sees the king ?", "qui voit le roi ?", "0-0 1-1 2-2 3-3 4-4"),
    ("seventy one cats sleep .", "soixante et onze chats dorment .", "0-0 1-1 0-2 1-2 2-3 3-4 4-5"),
    ("two hundred and one cows run .", "deux cent une vaches courent .", "0-0 1-1 3-2 4-3 5-4 6-5"),
    ("he plays the piano .", "il joue du piano .", "0-0 1-1 1-2 2-2 3-3 4-4"),
    ("he plays football .", "il joue au football .", "0-0 1-1 1-2 2-2 2-3 3-4"),
    ("he presses the key .", "il appuie sur la touche .", "0-0 1-1 1-2 2-3 3-4 4-5"),
    ("he waits at the light .", "il attend au feu .", "0-0 1-1 2-2 3-2 4-3 5-4"),
    ("the girl misses the teacher .", "le professeur manque à la fille .", "3-0 4-1 2-2 2-3 0-4 1-5 5-6"),
    ("anna never sings .", "anna ne chante jamais .", "0-0 1-1 2-2 1-3 3-4"),
    ("in spring , the bird sings .", "au printemps , l' oiseau chante .", "0-0 1-1 2-2 3-3 4-4 5-5 6-6"),
    (
        "she works in front of the school .",
        "elle travaille devant l' école .",
        "0-0 1-1 2-2 3-2 4-2 5-3 6-4 7-5",
    ),
    ("she drinks some water .", "elle boit de l' eau .", "0-0 1-1 2-2 2-3 3-4 4-5"),
    ("some old oaks are big .", "de vieux chênes sont grands .", "0-0 1-1 2-2 3-3 4-4 5-5"),
    ("the boy gives the book to her .", "le garçon lui donne le livre .", "0-0 1-1 5-2 6-2 2-3 3-4 4-5 7-6"),
    ("she often reads the newspaper .", "elle lit souvent le journal .", "0-0 2-1 1-2 3-3 4-4 5-5"),
    (
        "there is no dog in the garden .",
        "il n' y a pas de chien dans le jardin .",
        "0-0 2-1 0-2 1-3 2-4 2-5 3-6 4-7 5-8 6-9 7-10",
    ),
    (
        "paul looks at a house because he is tired .",
        "paul regarde une maison parce qu' il est fatigué .",
        "0-0 1-1 2-1 3-2 4-3 5-4 5-5 6-6 7-7 8-8 9-9",
    ),
    ("they work in japan .", "ils travaillent au japon .", "0-0 1-1 2-2 3-3 4-4"),
    (
        "the cat ran near the lake last week .",
        "le chat a couru près du lac la semaine dernière .",
        "0-0 1-1 2-2 2-3 3-4 3-5 4-5 5-6 7-7 7-8 6-9 8-10",
    ),
    (
        "i look at the leg of the dog .",
        "je regarde la patte du chien .",
        "0-0 1-1 2-1 3-2 4-3 5-4 6-4 7-5 8-6",
    ),
    ("when did she arrive ?", "quand est-ce qu' elle est arrivée ?", "0-0 1-1 1-2 2-3 3-4 3-5 4-6"),
    ("are you happy ?", "est-ce que vous êtes heureux ?", "0-0 0-1 1-2 0-3 2-4 3-5"),
]
