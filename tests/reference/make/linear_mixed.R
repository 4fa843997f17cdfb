# Reference numbers of linear mixed models from lme4, pbkrtest, lmerTest and emmeans, at tight tolerances.
# Usage: Rscript tests/reference/make/linear_mixed.R tests/reference/data/linear_mixed
suppressMessages({
  library(lme4); library(pbkrtest); library(lmerTest); library(emmeans); library(jsonlite)
})
options(contrasts = c("contr.treatment", "contr.poly"), digits = 15)
emm_options(lmerTest.limit = 1e5, pbkrtest.limit = 1e5)
folder <- commandArgs(trailingOnly = TRUE)[1]

# lme4's optimisers use no derivatives and leave a relative error of about 1e-7 in theta. This one goes on from bobyqa by
# Newton steps on numerical derivatives. Where a standard deviation ends below 1e-5 of the residual's and the criterion
# does not rise with it, it is zero.
polished <- function(fn, par, lower, upper, control = list(), ...) {
  best <- NULL
  for (scale in c(1, 0.1, 3)) {
    run <- minqa::bobyqa(pmax(par * scale, lower), fn, lower, upper, control = list(rhobeg = 0.05, rhoend = 1e-9, maxfun = 1e5))
    if (is.null(best) || run$fval < best$fval) best <- run
  }
  x <- best$par
  for (k in which(lower == 0 & x < 1e-4)) {
    zero <- replace(x, k, 0)
    if (fn(zero) <= fn(x) + 1e-8) x <- zero
  }
  free <- !(lower == 0 & x == 0)
  inside <- function(y) fn(replace(x, free, y))
  for (k in 1:8) if (any(free)) {
    gradient <- numDeriv::grad(inside, x[free])
    hessian <- numDeriv::hessian(inside, x[free])
    if (max(abs(gradient)) < 1e-9) break
    x[free] <- x[free] - drop(MASS::ginv(hessian, tol = 1e-9) %*% gradient)
  }
  list(par = x, fval = fn(x), conv = 0, message = "", feval = 0)
}
tight <- lmerControl(optimizer = "polished", check.conv.grad = "ignore", check.conv.hess = "ignore",
                     check.conv.singular = "ignore", calc.derivs = FALSE, boundary.tol = 0, check.scaleX = "ignore")

fit_tightly <- function(formula, data, reml) eval(substitute(
  lmerTest::lmer(F, data = measured, REML = R, control = tight), list(F = formula, R = reml)))
deviance_of <- function(fit) if (isREML(fit)) lme4::REMLcrit(fit) else deviance(fit)

rows_of <- function(summary) lapply(seq_len(nrow(summary)), function(k) lapply(summary[k, ], function(v)
  if (is.factor(v)) as.character(v) else v))

measured <- NULL  # update() looks for the data here.

reference <- function(name, data, formula, reml = TRUE, means = list(), trends = list(), joint = TRUE) {
  set.seed(1)
  measured <<- data
  fit <- fit_tightly(formula, data, reml)
  s <- summary(fit, ddf = "Satterthwaite")
  table <- function(method) unname(lapply(seq_along(fixef(fit)), function(k) {
    L <- replace(rep(0, length(fixef(fit))), k, 1)
    if (method == "satterthwaite") as.list(unlist(lmerTest::contest1D(fit, L, ddf = "Satterthwaite", confint = TRUE)))
    else {
      adjusted <- vcovAdj(fit)
      list(se = sqrt(as.matrix(adjusted)[k, k]), df = Lb_ddf(L, vcov(fit), adjusted))
    }
  }))
  joint_tests <- function() {
    p <- length(fixef(fit))
    if (p < 3) return(NULL)
    L <- diag(p)[-1, , drop = FALSE]
    sat <- lmerTest::contestMD(fit, L, ddf = "Satterthwaite")
    kr <- getKR(KRmodcomp(fit, L), "Fstat"); krdf <- getKR(KRmodcomp(fit, L), "ddf")
    list(satterthwaite = list(f = sat[["F value"]], ndf = sat[["NumDF"]], df = sat[["DenDF"]], p = sat[["Pr(>F)"]]),
         kenward_roger = list(f = kr, df = krdf, p = getKR(KRmodcomp(fit, L), "p.value")))
  }
  terms3 <- function(ddf) {
    a <- anova(fit, type = 3, ddf = ddf)
    lapply(seq_len(nrow(a)), function(k) list(name = rownames(a)[k], f = a[k, "F value"], ndf = a[k, "NumDF"],
                                               df = a[k, "DenDF"], p = a[k, "Pr(>F)"]))
  }
  emm <- lapply(means, function(m) {
    one <- function(mode) {
      e <- do.call(emmeans, c(list(fit, m$specs, lmer.df = mode), m$extra))
      one_adjust <- function(adjust) if (nrow(as.data.frame(e)) > 1)
        rows_of(as.data.frame(summary(pairs(e, adjust = adjust, reverse = FALSE), infer = c(TRUE, TRUE))))
      list(means = rows_of(as.data.frame(summary(e, infer = c(TRUE, TRUE)))),
           pairs = list(tukey = one_adjust("tukey"), none = one_adjust("none"), holm = one_adjust("holm"),
                        bonferroni = one_adjust("bonferroni")))
    }
    list(specs = deparse(m$specs), extra = lapply(m$extra, function(x) x),
         kenward_roger = one("kenward-roger"), satterthwaite = one("satterthwaite"), asymptotic = one("asymptotic"))
  })
  slopes <- lapply(trends, function(tr) {
    e <- emtrends(fit, tr$specs, var = tr$var, lmer.df = "kenward-roger")
    list(specs = deparse(tr$specs), var = tr$var, means = rows_of(as.data.frame(summary(e, infer = c(TRUE, TRUE)))),
         pairs = rows_of(as.data.frame(summary(pairs(e), infer = c(TRUE, TRUE)))))
  })
  vc <- as.data.frame(VarCorr(fit))
  out <- list(
    name = name, formula = paste(deparse(formula), collapse = " "), reml = reml,
    versions = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")),
                    pbkrtest = as.character(packageVersion("pbkrtest")),
                    lmerTest = as.character(packageVersion("lmerTest")),
                    emmeans = as.character(packageVersion("emmeans"))),
    data = lapply(as.list(data), function(v) if (is.factor(v)) as.character(v) else v),
    coefficients = as.list(fixef(fit)), se = as.list(sqrt(diag(as.matrix(vcov(fit))))),
    deviance = deviance_of(fit), log_likelihood = as.numeric(logLik(fit)), aic = AIC(fit), bic = BIC(fit),
    sigma = sigma(fit), theta = unname(getME(fit, "theta")), singular = isSingular(fit),
    varcorr = lapply(seq_len(nrow(vc)), function(k) as.list(vc[k, ])),
    fitted = unname(fitted(fit)), effects = lapply(ranef(fit, condVar = TRUE), function(r) list(
      groups = rownames(r), columns = names(r), values = unname(as.matrix(r)),
      sd = {
        pv <- attr(r, "postVar")
        if (is.list(pv)) NULL else unname(t(apply(pv, 3, function(v) sqrt(diag(as.matrix(v))))))
      })),
    shapiro = unname(shapiro.test(residuals(fit))$p.value),
    satterthwaite = table("satterthwaite"), kenward_roger = table("kr"),
    joint = joint_tests(), terms = list(satterthwaite = terms3("Satterthwaite"),
                                       kenward_roger = if (reml) terms3("Kenward-Roger")),
    means = emm, trends = slopes)
  path <- file.path(folder, paste0(name, ".json"))
  write(toJSON(out, digits = I(17), auto_unbox = TRUE, null = "null", na = "string"), path)
  cat(sprintf("%-32s %s theta %s\n", name, if (isSingular(fit)) "singular" else "        ",
              paste(format(getME(fit, "theta"), digits = 4), collapse = " ")))
}

# Theoph: concentrations of 12 people over time, from R's datasets.
theoph <- data.frame(subject = as.character(Theoph$Subject), conc = Theoph$conc, time = Theoph$Time,
                     dose = Theoph$Dose, late = factor(ifelse(Theoph$Time > 5, "late", "early")))
reference("theoph_intercept", theoph, conc ~ time + dose + (1 | subject))
reference("theoph_intercept_ml", theoph, conc ~ time + dose + (1 | subject), reml = FALSE)
reference("theoph_slope", theoph, conc ~ time + dose + (time | subject))
reference("theoph_slope_ml", theoph, conc ~ time + I(time^2) + dose + (time | subject), reml = FALSE)
reference("theoph_uncorrelated", theoph, conc ~ time + dose + (time || subject))
reference("theoph_late", theoph, conc ~ late * time + (1 | subject),
          means = list(list(specs = ~ late)), trends = list(list(specs = ~ late, var = "time")))
reference("theoph_late_ml", theoph, conc ~ late * dose + (late | subject), reml = FALSE,
          means = list(list(specs = ~ late), list(specs = ~ late, extra = list(at = list(dose = 5)))))

# Cohorts like that of Jahn et al.: 69 tumours of 32 patients, dose, grade, site.
cohort <- function(seed, patients, tumours, between, within, grades = 2, levels_site = 3, slope = 0) {
  set.seed(seed)
  patient <- c(seq_len(patients), sample(patients, tumours - patients, replace = TRUE, prob = rexp(patients)))
  grade <- sample(grades, patients, replace = TRUE, prob = c(0.6, rep(0.4 / (grades - 1), grades - 1)))[patient]
  site <- sample(c("liver", "node", "bone", "lung")[seq_len(levels_site)], tumours, replace = TRUE)
  dose <- round(rlnorm(tumours, log(120), 0.5), 2)
  u <- rnorm(patients, 0, between); v <- rnorm(patients, 0, slope)
  y <- 20 + 0.1 * dose + 8 * (grade == 2) + 5 * (site == "node") + u[patient] + v[patient] * dose / 100 +
    rnorm(tumours, 0, within)
  data.frame(patient = sprintf("P%03d", patient), grade = factor(paste0("G", grade)), site = factor(site),
             dose = dose, change = y, naive = sample(0:1, patients, replace = TRUE)[patient])
}
few <- cohort(11, 32, 69, 12, 18)
reference("cohort_grade", few, change ~ grade + (1 | patient), means = list(list(specs = ~ grade)))
reference("cohort_full", few, change ~ dose + grade * site + naive + (1 | patient),
          means = list(list(specs = ~ grade), list(specs = ~ site), list(specs = ~ site | grade),
                       list(specs = ~ grade | site), list(specs = ~ grade * site),
                       list(specs = ~ site, extra = list(weights = "proportional")),
                       list(specs = ~ grade, extra = list(weights = "cells"))))
reference("cohort_full_ml", few, change ~ dose + grade * site + (1 | patient), reml = FALSE,
          means = list(list(specs = ~ site), list(specs = ~ grade | site)))
reference("cohort_dose_grade", few, change ~ dose * grade + (1 | patient), means = list(list(specs = ~ grade)),
          trends = list(list(specs = ~ grade, var = "dose")))
reference("cohort_slopes", few, change ~ grade + dose:grade + (1 | patient),
          trends = list(list(specs = ~ grade, var = "dose")))
reference("cohort_square", few, change ~ dose + I(dose^2) + site + (1 | patient), means = list(list(specs = ~ site)))
reference("cohort_singular", cohort(1, 32, 69, 0, 18), change ~ dose + grade + site + (1 | patient),
          means = list(list(specs = ~ grade), list(specs = ~ site)))
reference("cohort_singular_ml", cohort(3, 32, 69, 0, 18), change ~ dose + grade + site + (1 | patient), reml = FALSE,
          means = list(list(specs = ~ site)))
reference("cohort_singular_slope", cohort(31, 32, 120, 12, 15, slope = 0), change ~ dose + grade + (1 + dose | patient),
          means = list(list(specs = ~ grade)))
reference("cohort_slope", cohort(41, 40, 300, 12, 9, slope = 15), change ~ dose * grade + (1 + dose | patient),
          means = list(list(specs = ~ grade)), trends = list(list(specs = ~ grade, var = "dose")))
reference("cohort_slope_uncorrelated", cohort(42, 40, 300, 12, 9, slope = 15), change ~ dose + grade + (1 + dose || patient),
          means = list(list(specs = ~ grade)))
reference("cohort_few_each", cohort(43, 50, 58, 15, 10), change ~ dose + grade + (1 | patient),
          means = list(list(specs = ~ grade)))
small <- few; small$change <- small$change * 1e-4; small$dose <- small$dose * 1e3
reference("cohort_scaled", small, change ~ dose + grade * site + (1 | patient), means = list(list(specs = ~ site | grade)))
large <- few; large$change <- large$change * 50 + 1e4
reference("cohort_shifted", large, change ~ dose + site + (1 | patient), means = list(list(specs = ~ site)))
reference("cohort_no_intercept", few, change ~ 0 + grade + dose + (1 | patient), means = list(list(specs = ~ grade)))
reference("cohort_800_interactions", cohort(53, 300, 800, 10, 15, grades = 3, levels_site = 4),
          change ~ grade * site + dose + dose:grade + (1 | patient),
          means = list(list(specs = ~ grade), list(specs = ~ grade | site)))
reference("cohort_800", cohort(51, 300, 800, 10, 15, grades = 3, levels_site = 4),
          change ~ dose + grade + site + (1 | patient), means = list(list(specs = ~ grade), list(specs = ~ site)))
reference("cohort_4_patients", cohort(52, 4, 16, 10, 8), change ~ dose + (1 | patient))

# Crossed and nested effects.
set.seed(61)
crossed <- expand.grid(patient = sprintf("P%02d", 1:14), reader = c("A", "B", "C", "D"), time = 0:2)
crossed <- crossed[sort(sample(nrow(crossed), 130)), ]
crossed$method <- factor(sample(c("image", "blood", "probe"), 130, replace = TRUE))
crossed$dose <- 3 + 0.4 * (crossed$method == "blood") + 0.2 * crossed$time +
  rnorm(14, 0, 0.8)[as.integer(factor(crossed$patient))] + rnorm(4, 0, 0.5)[as.integer(crossed$reader)] + rnorm(130, 0, 0.4)
crossed$patient <- as.character(crossed$patient); crossed$reader <- as.character(crossed$reader)
reference("crossed", crossed, dose ~ method + time + (1 | patient) + (1 | reader), means = list(list(specs = ~ method)))
reference("crossed_slope", crossed, dose ~ method + time + (time | patient) + (1 | reader),
          means = list(list(specs = ~ method)))
reference("crossed_ml", crossed, dose ~ method * time + (1 | patient) + (1 | reader), reml = FALSE,
          means = list(list(specs = ~ method)))

set.seed(71)
nested <- data.frame(patient = rep(sprintf("P%02d", 1:20), times = sample(4:12, 20, replace = TRUE)))
nested$lesion <- paste0(nested$patient, "/", unlist(lapply(table(nested$patient), function(n) sort(sample(3, n, replace = TRUE)))))
nested$cycle <- unlist(lapply(table(nested$lesion)[unique(nested$lesion)], seq_len))
nested$arm <- factor(c("a", "b")[1 + as.integer(factor(nested$patient)) %% 2])
nested$uptake <- 10 - 0.6 * nested$cycle + 1.5 * (nested$arm == "b") +
  rnorm(20, 0, 1.5)[as.integer(factor(nested$patient))] +
  rnorm(length(unique(nested$lesion)), 0, 1)[as.integer(factor(nested$lesion))] + rnorm(nrow(nested), 0, 0.7)
reference("nested", nested, uptake ~ cycle * arm + (1 | patient) + (1 | lesion), means = list(list(specs = ~ arm)))
reference("nested_three", nested, uptake ~ cycle + arm + (1 + cycle | patient) + (1 | lesion),
          means = list(list(specs = ~ arm)))

# Three random coefficients, and factors as random coefficients.
set.seed(81)
three <- data.frame(patient = rep(sprintf("P%02d", 1:25), each = 8), x = round(runif(200, 0, 10), 3),
                    z = round(rnorm(200), 3), arm = factor(sample(c("a", "b", "c"), 200, replace = TRUE)))
b <- matrix(rnorm(75), 25) %*% chol(matrix(c(4, 0.5, -0.4, 0.5, 0.3, 0.1, -0.4, 0.1, 1), 3))
id <- as.integer(factor(three$patient))
three$y <- 5 + 0.5 * three$x - 0.3 * three$z + b[id, 1] + b[id, 2] * three$x + b[id, 3] * three$z + rnorm(200)
reference("three_coefficients", three, y ~ x + z + arm + (1 + x + z | patient), means = list(list(specs = ~ arm)))
reference("factor_coefficients", three, y ~ x + arm + (0 + x | patient) + (arm | patient),
          means = list(list(specs = ~ arm)))
