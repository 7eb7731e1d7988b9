// SPDX-License-Identifier: Apache-2.0
#include "bench/prompt_text.h"

// clang-format off
const char *const prompt_paragraphs[] = {
    "Every measuring instrument begins as an argument with a tired eye. Someone looked at two "
    "pieces of cloth, or two hills, or two afternoons, and could not say which was longer, and "
    "because the answer mattered they went looking for something that would not get tired. A "
    "knotted cord was the first patient witness. It did not care who owned the field, it did "
    "not want its supper, and it gave the same answer in the evening that it had given in the "
    "morning. The knots were the important part. A bare cord can only tell you that this is "
    "longer than that, while a knotted cord can tell you how much, and can go on telling you in "
    "another village, to people who have never seen the first piece of cloth at all.",

    "The old land surveyors of the river valleys knew their cords well. They soaked them and "
    "stretched them before use, because a new rope is a liar that grows more honest with age. "
    "They waxed them against the damp. They kept one good rope in a dry chest and never worked "
    "with it, and once a season they laid the working ropes beside it and cut away whatever had "
    "been gained. The rope in the chest measured nothing, and everything was measured by it. "
    "When a flood came down in the spring and carried off the boundary stones, the people did "
    "not argue about where the stones had been. They fetched the surveyors, the surveyors "
    "fetched the ropes, and by the time the mud had dried there were fields again.",

    "A river is a difficult thing to measure, and for that reason it has taught us a great "
    "deal. Its length depends on the patience of the person asking. Walk along the bank with a "
    "long stride and you will skip the small bays and the places where the water turns back on "
    "itself to think. Walk with a short stride and you must go round each of them, and the "
    "river grows. There is no last answer at the end of this, only a rule that says how quickly "
    "the number climbs as the stride shrinks. So an honest map of a river carries two numbers, "
    "the length and the stride, and a reader who is told only the first has been told almost "
    "nothing. It is the same with most of the things that people are proud of having measured.",

    "The depth of a river is easier, or seems to be. You drop a weight on a line and read the "
    "wet part. But the line leans in the current, so the wet part is too long, and the bed is "
    "soft, so the weight sinks into it, and in the time it takes to pull the line back the "
    "river has moved on and is no longer the one you measured. The boatmen who sounded the "
    "great estuaries for a living worked in pairs. One threw the lead and called the mark, and "
    "the other, who did not look at the line, wrote down the call together with the hour. "
    "Neither of them was allowed to say what he had expected. When the two had a disagreement "
    "they did not settle it; they turned the boat around and sounded the place again.",

    "That habit of turning the boat around is worth more than any instrument. A single reading "
    "is a rumour. Two readings that agree are a coincidence or a fact, and two that differ are "
    "the beginning of knowledge, since now at least you know how far apart the world and your "
    "line can be on a quiet day. The careful boatmen kept the readings they did not like. In "
    "their books you can find a row of nine soundings, eight of them within a hand of one "
    "another and one of them absurd, and the absurd one is not crossed out. Beside it is a note "
    "in a smaller hand: rope caught, perhaps, or, a hole. Years later a ship of some value "
    "touched bottom not far from there, and somebody with the sense to open the old books found "
    "that it had not been the rope.",

    "Clocks were slow to become trustworthy, and it is a pleasure to remember how bad they "
    "were. The tower clocks of the market towns lost a quarter of an hour in a day and were put "
    "right each noon by a man with a sundial. Nobody thought it odd that the expensive machine "
    "should be corrected by the shadow of a stick. A machine that can be corrected every day "
    "does not need to be good, it needs only to be the same kind of bad from one noon to the "
    "next. What the clockmakers sold was not really accuracy. They sold steadiness, and "
    "steadiness is the better bargain, for an error that stays where it is can be subtracted, "
    "whereas an error that wanders must be lived with.",

    "The navigators understood this well. A clock on a ship is shaken, chilled, heated, tipped "
    "and salted, and its owner cannot consult a sundial he trusts because the whole point of "
    "the clock is that he does not know where he is. The best makers stopped trying to build a "
    "clock that kept perfect time at sea. They built one whose rate they knew, wrote the rate "
    "on a card inside the lid, and sent along a second clock and a third. With one clock a "
    "captain always knows the time; with two he is never certain; with three he may take a "
    "vote. The card in the lid is the forgotten invention. It says, in effect, I am wrong by "
    "two seconds a day, and now that you know it, I am right.",

    "Weighing has a quieter history. A balance compares, and comparing is the thing that hands "
    "and eyes already do, only more finely. What ruined balances was never the beam but the "
    "room. A draught under the door, a warm hand near one pan, the slow settling of the floor "
    "in a wet autumn, a crumb: each of these has moved more grain than any thief. The assayers "
    "put their balances in glass cases, and then, finding that the glass case was warm on the "
    "side towards the window, moved the case to a cellar, and finding that they themselves were "
    "warm, sat further away and worked the riders with a long rod. At the end of all this they "
    "did the wise thing, which was to weigh everything twice, the second time with the pans "
    "exchanged. A fault in the beam pushes the first answer up and the second answer down, and "
    "the truth sits halfway between them, unbothered.",

    "It is strange how often the cure is an exchange. The person tasting two teas is handed "
    "them in one order and then in the other. The runner is timed up the road and back down it, "
    "so that the wind is paid back what it lent. Two gardeners who disagree about manure do not "
    "each take half of the garden; they divide it into forty small beds and toss a coin for "
    "every one of them, so that the shade of the old wall falls on both opinions alike. There "
    "is a kind of fairness in this that has nothing to do with kindness. It is the fairness of "
    "arranging matters so that the thing you are not interested in cannot take sides.",

    "Maps are measurements that have been asked to keep still. A traveller who says that the "
    "ford is half a day beyond the mill has measured something, but the measurement lives in "
    "the traveller's legs and goes away when he does. A map takes the half day out of his legs "
    "and lays it on a table. In exchange it must leave out nearly everything. The art of the "
    "mapmaker is the art of leaving out, and the honesty of the mapmaker is in saying what was "
    "left. The finest charts of the northern coasts have large white spaces in them, and across "
    "the white, in careful letters, the words not examined. A cheaper chart of the same coast, "
    "engraved in the same year for people who wished to look well travelled, fills in the white "
    "with capes and harbours drawn from conversation. More than one captain preferred the "
    "second chart, because it was more complete.",

    "Whoever has used a blank space on a map to stay alive does not forget it. The blank says "
    "that here you must look for yourself. It says that the person who drew the rest of the "
    "sheet knew the difference between having seen a thing and having heard of it, and it lends "
    "its credit to every line beside it. A table of figures may have blanks of the same sort. "
    "When an instrument broke on the fourth day, the column for the fourth day should be empty, "
    "and not filled with a nought, nor with the average of the third day and the fifth. A "
    "nought is a claim. It says that someone looked and that nothing was there. The sea has "
    "been full of islands that were noughts on somebody's chart.",

    "There was a lighthouse keeper on a low island who recorded the height of the tide every "
    "hour for thirty one years. He had a painted staff fixed to the landing, and a lantern for "
    "the nights, and he wrote the height to the nearest half inch because the staff had marks "
    "for that and he saw no reason to waste them. When at last a commission came to look at the "
    "books they were pleased with everything but the half inches, which they said no one could "
    "read by lantern in a swell. The keeper agreed that it was difficult. He showed them "
    "another book, in which for thirty one years he had written, once a week, how far the water "
    "rose and fell against the staff in the space of a minute. With the one book and the other "
    "they could work out how much to believe of any figure on any night, and the tide tables "
    "that were made from them are still, with small repairs, in use.",

    "What the keeper had done was to measure his own measuring. It is a humble job and it is "
    "seldom paid for. To time an action you must first find out how long it takes to start and "
    "stop the watch. To count the birds on a marsh you must first have several people count the "
    "same marsh on the same morning from the same hide, without speaking, and be prepared for "
    "the answers to embarrass everyone. The spread between them is not a disgrace to be hidden "
    "under an average. It is the most useful number of the day, since it tells you which of "
    "next year's changes you will be able to notice and which of them will go by unseen. A "
    "society that counts birds without counting its counters will discover a great many "
    "declines and recoveries, nearly all of them belonging to the counters.",

    "Speed is the vainest of measurements, and the one that most rewards suspicion. A coach "
    "between two cities was once advertised as the fastest on the road, and so it was, from the "
    "last turnpike of one to the first turnpike of the other; the passengers who then spent an "
    "hour in the yard while the horses were found had to be content with having been quick in "
    "the middle. Another line carried the same passengers more slowly and delivered them "
    "sooner. If you wish to know how fast a thing is, begin by asking where the watch was "
    "started, and who stopped it, and what was going on in the yard. Ask if the road was dry. "
    "Ask whether the load was the usual load, or whether the coach had gone up that morning "
    "with nobody in it but a man with a watch.",

    "Then ask whether the parcel arrived unbroken. This is so obvious that it is hardly ever "
    "done. A miller who grinds twice as much in a day by letting half of it through as grit has "
    "not found a faster way of making flour, he has found a faster way of making something "
    "else. The old guilds, who were suspicious for a living, would not record the time a piece "
    "of work had taken until another member had examined the work. If the joint was loose there "
    "was no time to record. The rule was thought severe by the young and the quick. It was kept "
    "up not out of severity but for convenience, because a ledger in which every figure belongs "
    "to sound work can be read straight down the column, and any other kind has to be read with "
    "a lamp and a sigh.",

    "When the railways came, time itself had to be made to agree with itself. Each town had "
    "kept its own noon, and that had done no harm while the fastest messenger was a horse, for "
    "nobody could arrive soon enough to notice. The trains noticed at once. There were "
    "junctions where the clock on the east side of the platform and the clock on the west side "
    "differed by eleven minutes, each perfectly correct, and the guards carried tables in their "
    "hats. The remedy was a wire and a signal sent along it at the same instant each morning, "
    "and for some years the station masters, proud people, would set their watches by the "
    "signal and then tell visitors that the signal had been slightly out. It is not easy to be "
    "corrected by a wire. Yet within one generation there was nobody who could remember how it "
    "had been otherwise, and the minutes that the towns had given up were not missed.",

    "A good workshop has a drawer of things that do nothing. There is a block of steel with two "
    "faces so flat that they cling together, a set of rings, a small brass weight in a velvet "
    "bed, a glass scale ruled by a machine that is no longer made. An apprentice will ask what "
    "they are for, and will be told that they are for not using. On the day when two good "
    "micrometers disagree, and both craftsmen are sure, and voices have been raised, somebody "
    "opens the drawer. No one is humiliated by a block of steel. The question is put to it, it "
    "answers, and the two craftsmen go back to their benches, one of them with a screwdriver. "
    "It may be that the whole of civilisation is a drawer like that, and the habit of walking "
    "over to it before the second raising of the voice.",

    "Of course even the block of steel is a little wrong. It was right on a certain morning in "
    "a room at a certain warmth, in front of witnesses, and since then it has been losing "
    "itself slowly, a few atoms at a time, to rust and to fingers. It has a paper that says how "
    "fast. The paper was signed by someone whose own block came with a paper, and so on back "
    "through a chain of rooms, each colder and more quiet than the one before, until there is a "
    "room with no block in it at all but only a lamp of one particular colour, and a rule for "
    "counting the waves of its light. Nobody can drop the light, or polish it, or leave it to a "
    "nephew. That was the end of a long journey from the cord with knots, and it was made "
    "entirely by people who, at each stage, had been told that what they already had was good "
    "enough.",

    "In the evening, when the wind falls, the river outside this window goes by at about the "
    "pace of a person walking home. I know this because I once threw in sticks and timed them "
    "between the two bridges, forty sticks on four evenings, and kept the ones that were caught "
    "in the reeds as well as the ones that were not. It was not a thing that anyone needed to "
    "know. But I have found since then that I see the river better. I can tell when it is "
    "hurrying. I notice in March the day when the sticks would be going past at a run, and in "
    "August I notice the slack brown water under the alders that hardly moves at all, where my "
    "thirty first stick is, I suppose, still making up its mind. To measure a thing is one way "
    "of paying attention to it, and attention, so far as I have been able to determine, is not "
    "conserved. There is more of it when it has been used.",

    "So take the long rope down from its nail, and wet it, and stretch it, and lay it beside "
    "the good one in the chest. Write down the weather. Say where you stood. Let somebody else "
    "read the mark, and do not tell them what you hope for. Do it again in the other direction, "
    "and then do it again tomorrow. Leave white what you have not seen. If the answer should be "
    "duller than the one you wanted, enter it in the same ink. And when a stranger comes, years "
    "on, with a better rope and a reason to doubt you, meet him at the gate with the book open "
    "at the page, show him the row of figures with the absurd one left standing in it, and help "
    "him carry his things down to the water.",
};
const size_t prompt_paragraph_count = COUNT_OF(prompt_paragraphs);
// clang-format on
